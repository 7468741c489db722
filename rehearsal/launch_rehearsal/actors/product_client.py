"""The operator's hand on the stand-in: its state, break, repair, and the write-up after the launch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

from launch_pipeline.errors import OperationError

if TYPE_CHECKING:
    from launch_rehearsal.product.base.plan import Part, ProductPlan

_TIMEOUT = (2.0, 20.0)


class ProductClient:
    """A client of the stand-in's control. Every method raises OperationError where it does not answer."""

    def __init__(self, plan: ProductPlan) -> None:
        self._url = plan.url("control")
        self._headers = {"Authorization": f"Bearer {plan.tokens['control']}"}

    def ready(self) -> bool:
        """Whether the stand-in serves everything."""
        try:
            self.state()
        except OperationError:
            return False
        return True

    def state(self) -> dict[str, Any]:
        """Give ``release_sha``, ``schema_fingerprint`` and ``broken``."""
        return self._ask("GET", "/state")

    def repair(self, part: Part) -> None:
        """Repair a part; returns when it works."""
        self._ask("POST", f"/parts/{part}/repair")

    def damage(self, part: Part) -> None:
        """Break a part; returns when it is broken."""
        self._ask("POST", f"/parts/{part}/break")

    def write_up(self) -> str:
        """Let the team commit what it learned; gives the commit."""
        return str(self._ask("POST", "/write-up")["commit"])

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        session = requests.Session()
        session.trust_env = False
        try:
            answer = session.request(method, self._url + path, headers=self._headers, timeout=_TIMEOUT)
        except requests.RequestException as error:
            message = f"the stand-in does not answer ({str(error)[:200]})"
            raise OperationError(message) from error
        if not answer.ok:
            message = f"the stand-in refused {method} {path} ({answer.status_code}): {answer.text[:200]}"
            raise OperationError(message)
        found: dict[str, Any] = answer.json()
        return found
