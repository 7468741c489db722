"""Authentication of the plugin's own routes, which Airflow leaves to the plugin.

Only a Bearer token counts: a browser sends its cookies along with any page's request.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from airflow.api_fastapi.app import get_auth_manager
from jwt import InvalidTokenError
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import HTTPConnection
from starlette.responses import Response

from launch_pipeline.airflow.policies.sign_in import refuse_open_door
from launch_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from launch_pipeline.airflow.api_server.asgi import App, Receive, Scope, Send

TRY_AGAIN = "Airflow's database does not answer. Try again shortly."


class Door:
    """ASGI middleware: admits or refuses an account before the body of its request is read.

    It stands before every path, so routes added later and paths without a route are behind it too.
    Subclasses say which accounts they admit, and how a refusal is written.
    """

    sign_in = "Sign in with a token in the header Authorization: Bearer."
    try_again = TRY_AGAIN

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        admitted = await self._admitted(scope)
        if isinstance(admitted, Response):
            await admitted(scope, receive, send)
            return
        await self._app(admitted, receive, send)

    async def admit(self, scope: Scope, user: BaseUser) -> Scope | Response:
        """Return the scope to pass on, or the reply that refuses this account."""
        raise NotImplementedError

    def refusal(self, status: HTTPStatus, code: str, detail: str) -> Response:
        """Write a refusal in the form of these routes."""
        raise NotImplementedError

    async def _admitted(self, scope: Scope) -> Scope | Response:
        try:
            refuse_open_door()
            user = await signed_in(scope)
            if user is None:
                return self.refusal(HTTPStatus.UNAUTHORIZED, "not_signed_in", self.sign_in)
            return await self.admit(scope, user)
        except ConfigurationError as error:
            return self.refusal(HTTPStatus.SERVICE_UNAVAILABLE, "configuration", str(error))
        except SQLAlchemyError:
            return self.refusal(HTTPStatus.SERVICE_UNAVAILABLE, "airflow", self.try_again)


async def signed_in(scope: Scope) -> BaseUser | None:
    """Return the account of a request's Bearer token, None without a valid one. Cookies do not count."""
    scheme, _, token = HTTPConnection(scope).headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return None
    try:
        return await get_auth_manager().get_user_from_token(token.strip())
    except InvalidTokenError:
        return None
