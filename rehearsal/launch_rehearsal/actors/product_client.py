"""Control the fake product over HTTP: its state, its faults, its release, the write-up after the launch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

from launch_pipeline.errors import OperationError

if TYPE_CHECKING:
    from launch_rehearsal.product.base.plan import Part, ProductPlan

_TIMEOUT = (2.0, 20.0)


class ProductClient:
    """Call the product's fault control. Every method raises OperationError if it does not answer."""

    def __init__(self, plan: ProductPlan) -> None:
        self._url = plan.url("control")
        self._headers = {"Authorization": f"Bearer {plan.tokens['control']}"}

    def ready(self) -> bool:
        """Return whether the product serves everything."""
        try:
            self.state()
        except OperationError:
            return False
        return True

    def state(self) -> dict[str, Any]:
        """Return ``release_sha``, ``schema_fingerprint`` and ``broken``."""
        return self._ask("GET", "/state")

    def break_part(self, part: Part) -> None:
        """Break a part; return once it is broken."""
        self._ask("POST", f"/parts/{part}/break")

    def repair(self, part: Part) -> None:
        """Repair a part; return once it works."""
        self._ask("POST", f"/parts/{part}/repair")

    def release_again(self) -> str:
        """Let the team release a new commit, built, tested and deployed; return the commit."""
        return str(self._ask("POST", "/release")["commit"])

    def write_up(self) -> str:
        """Let the team document the launch; return the commit."""
        return str(self._ask("POST", "/write-up")["commit"])

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        session = requests.Session()
        session.trust_env = False
        try:
            answer = session.request(method, self._url + path, headers=self._headers, timeout=_TIMEOUT)
        except requests.RequestException as error:
            message = f"the fake product does not answer ({str(error)[:200]})"
            raise OperationError(message) from error
        if not answer.ok:
            message = f"the fake product refused {method} {path} ({answer.status_code}): {answer.text[:200]}"
            raise OperationError(message)
        found: dict[str, Any] = answer.json()
        return found
