"""Refuse the mode of Airflow's simple auth manager that makes every visitor an administrator."""

from __future__ import annotations

from airflow.sdk.configuration import conf

from launch_pipeline.errors import ConfigurationError


def refuse_open_door() -> None:
    """Return if people sign in with accounts of their own.

    Raises ConfigurationError if every visitor is an administrator: no answer could be attributed.
    """
    if conf.getboolean("core", "simple_auth_manager_all_admins", fallback=False):
        option = "[core] simple_auth_manager_all_admins"
        problem = "is on, so every visitor is an administrator and no answer can be attributed to a person."
        fix = "turn it off and list [core] simple_auth_manager_users."
        raise ConfigurationError(option, "", problem, fix)
