"""The mode of Airflow's simple auth manager in which everybody is an administrator."""

from __future__ import annotations

from airflow.sdk.configuration import conf

from launch_pipeline.errors import ConfigurationError


def refuse_open_door() -> None:
    """Return where people sign in one by one.

    Raises ConfigurationError where everybody is an administrator: no answer would be anybody's.
    """
    if conf.getboolean("core", "simple_auth_manager_all_admins", fallback=False):
        option = "[core] simple_auth_manager_all_admins"
        problem = "is on, so everybody is an administrator and no answer is anybody's."
        fix = "turn it off and list [core] simple_auth_manager_users."
        raise ConfigurationError(option, "", problem, fix)
