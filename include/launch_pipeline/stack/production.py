"""The production shape on one host: what ``docker-compose.yaml`` tells every Airflow component.

``launch deploy environment`` prints it, and a test holds the file to it, so that the two kinds of deployment
cannot drift apart. ``${…}`` is filled in by compose.
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
"""In the image: Dags, plugins, the virtual environment."""
CONFIGURATION = "/etc/launch"
"""What people of this deployment write: contacts, environments, how to sign in."""
LOGS = "/var/log/launch"
SECRETS = "/run/secrets"
SECRETS_VARIABLE = "LAUNCH_SECRETS"
AIRFLOW_VARIABLE = "LAUNCH_AIRFLOW_URL"
API_SERVER = "http://api-server:8080"
NEIGHBOURS = "api-server,postgres,localhost,127.0.0.1"
AUTH_MANAGER = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
PUBLIC_URL = "${LAUNCH_PUBLIC_URL:?set it in .env, see production.env.example}"


def shared_environment() -> Mapping[str, str]:
    """Variables of every Airflow component, and of the one-shot that prepares the databases."""
    return {
        "AIRFLOW_HOME": f"{PROJECT}/airflow",
        **as_variables({**tuned(), **_places(), **_secrets(), **_signing_in()}),
        CONTACTS_VARIABLE: f"{CONFIGURATION}/contacts.yaml",
        ENVIRONMENTS_VARIABLE: f"{CONFIGURATION}/environments",
        PROJECT_VARIABLE: PROJECT,
        AIRFLOW_VARIABLE: API_SERVER,
        # The public address is a name of the api-server by itself.
        HOSTS_VARIABLE: f"${{{HOSTS_VARIABLE}:-}}",
        # The outside may be behind a proxy, the neighbours are not.
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
        # Sessions travel over HTTPS only: a reverse proxy ends TLS.
        "fab.cookie_secure": True,
        # Roles and permissions are brought up to date once, before anything starts.
        "fab.update_fab_perms": False,
    }
