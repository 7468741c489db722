"""Production on one host: the environment that ``docker-compose.yaml`` gives to every Airflow component.

``launch deploy environment`` prints it, and a test compares the file with it, so that production and the
embedded stack cannot drift apart. Compose fills in ``${…}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.airflow.api_server.host_check import HOSTS_VARIABLE
from launch_pipeline.approvals.deployed import CONTACTS_VARIABLE
from launch_pipeline.launch.environments import ENVIRONMENTS_VARIABLE
from launch_pipeline.stack.secret_files import Secret
from launch_pipeline.stack.settings import PROJECT_VARIABLE
from launch_pipeline.stack.tuning import PARALLELISM, as_variables, tuned

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = "/opt/launch"
"""Dags, plugins and the virtual environment, in the image."""
CONFIGURATION = "/etc/launch"
"""Files written for this deployment: contacts, environments, how to sign in."""
LOGS = "/var/log/launch"
SECRETS = "/run/secrets"
SECRETS_VARIABLE = "LAUNCH_SECRETS"
AIRFLOW_VARIABLE = "LAUNCH_AIRFLOW_URL"
API_SERVER = "http://api-server:8080"
NEIGHBOURS = "api-server,postgres,localhost,127.0.0.1"
AUTH_MANAGER = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
PUBLIC_URL = "${LAUNCH_PUBLIC_URL:?set it in .env, see production.env.example}"


def shared_environment() -> Mapping[str, str]:
    """Return the variables of every Airflow component, and of the service ``init``."""
    return {
        "AIRFLOW_HOME": f"{PROJECT}/airflow",
        **as_variables({**tuned(), **_places(), **_secrets(), **_signing_in()}),
        CONTACTS_VARIABLE: f"{CONFIGURATION}/contacts.yaml",
        ENVIRONMENTS_VARIABLE: f"{CONFIGURATION}/environments",
        PROJECT_VARIABLE: PROJECT,
        AIRFLOW_VARIABLE: API_SERVER,
        # Further names of the api-server; the public address is one of them anyway.
        HOSTS_VARIABLE: f"${{{HOSTS_VARIABLE}:-}}",
        # Other services are reached directly, even if the outside is behind a proxy.
        "NO_PROXY": NEIGHBOURS,
        "no_proxy": NEIGHBOURS,
        "PYTHONUNBUFFERED": "1",
    }


def _places() -> dict[str, object]:
    return {
        "core.dags_folder": f"{PROJECT}/dags",
        "core.plugins_folder": f"{PROJECT}/plugins",
        "core.parallelism": f"${{LAUNCH_PARALLELISM:-{PARALLELISM}}}",
        "core.execution_api_server_url": f"{API_SERVER}/execution/",
        "api.base_url": PUBLIC_URL,
        "logging.base_log_folder": LOGS,
        "logging.dag_processor_child_process_log_directory": f"{LOGS}/dag_processor",
    }


def _secrets() -> dict[str, object]:
    files = {
        "core.fernet_key": Secret.FERNET_KEY,
        "database.sql_alchemy_conn": Secret.AIRFLOW_DATABASE,
        "api.secret_key": Secret.API_SECRET_KEY,
        "api_auth.jwt_secret": Secret.JWT_SECRET,
    }
    return {f"{option}_cmd": f"cat {SECRETS}/{name}" for option, name in files.items()}


def _signing_in() -> dict[str, object]:
    return {
        "core.auth_manager": AUTH_MANAGER,
        "fab.config_file": f"{CONFIGURATION}/webserver_config.py",
        # Session cookies are sent over HTTPS only; a reverse proxy terminates TLS.
        "fab.cookie_secure": True,
        # 'launch deploy init' updates roles and permissions once, before anything starts.
        "fab.update_fab_perms": False,
    }
