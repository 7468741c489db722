"""The token server of a container registry, by distribution's specification of token authentication."""

from __future__ import annotations

import base64
import json
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ISSUER = "launch-test"
_NEVER = 4102444800


class TokenServer:
    """Issue tokens to one login, signed with the key of a certificate (PEM) that the registry trusts."""

    def __init__(self, key: bytes, certificate: bytes, login: str, password: str) -> None:
        self._key, self._certificate = key, certificate
        pair = base64.b64encode(f"{login}:{password}".encode()).decode()
        self._wanted = f"Basic {pair}"
        self.scopes: list[str] = []
        """The scopes of the tokens issued so far."""

    @property
    def app(self) -> web.Application:
        """Build a new application; one application serves in one event loop only."""
        made = web.Application()
        made.router.add_get("/token", self._token)
        return made

    async def _token(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != self._wanted:
            return web.json_response({"details": "incorrect username or password"}, status=401)
        scope = request.query["scope"]
        self.scopes.append(scope)
        kind, name, actions = scope.split(":")
        access = [{"type": kind, "name": name, "actions": actions.split(",")}]
        return web.json_response({"token": self._signed(request.query["service"], access)})

    def _signed(self, service: str, access: list[dict[str, Any]]) -> str:
        chain = self._certificate.decode()
        der = "".join(line for line in chain.splitlines() if line and "CERTIFICATE" not in line)
        header = {"typ": "JWT", "alg": "ES256", "x5c": [der]}
        claims = {
            "iss": ISSUER, "sub": "launch", "aud": service, "exp": _NEVER, "nbf": 0, "iat": 0,
            "jti": "1", "access": access,
        }  # fmt: skip
        signing = f"{_b64(json.dumps(header).encode())}.{_b64(json.dumps(claims).encode())}"
        return f"{signing}.{_b64(self._signature(signing.encode()))}"

    def _signature(self, content: bytes) -> bytes:
        key = serialization.load_pem_private_key(self._key, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            message = "ES256 needs an elliptic-curve key"
            raise TypeError(message)
        r, s = decode_dss_signature(key.sign(content, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
