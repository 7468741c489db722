"""Who calls a route of the plugin: Airflow leaves the authentication of a plugin's routes to the plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwt import InvalidTokenError
from starlette.requests import HTTPConnection

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from launch_pipeline.airflow.api_server.asgi import Scope


async def signed_in(scope: Scope, manager: BaseAuthManager[BaseUser]) -> BaseUser | None:
    """Give the account whose Bearer token a request carries, or None. A session's cookie is not looked at."""
    scheme, _, token = HTTPConnection(scope).headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return None
    try:
        return await manager.get_user_from_token(token.strip())
    except InvalidTokenError:
        return None
