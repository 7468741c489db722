"""Name who answered a request by their user name, whichever release of Airflow took the answer.

Airflow 3.3 keeps the user name with an answer. From 3.4 on it keeps the name that its pages show instead: FAB
shows the first and last name, which people may change themselves. Both keep the account's id. So the guard
stamps each answer with the user name and the id of the account that it saw, and from 3.4 on a user name is
believed only beside the id that Airflow kept. Contacts, records and permissions go by user names.
"""

from __future__ import annotations

from typing import Any

from airflow import __version__
from packaging.version import Version

SHOWN_NAMES = Version(__version__).release >= (3, 4)
"""Whether this Airflow keeps the names that its pages show (``HITLUser.name``, Airflow 3.4.0b2)."""
USER_FIELD = "user"
USER_ID_FIELD = "user_id"
"""Fields of an answer that the guard alone sets: user name and id of the account."""


def stamp_of(user: str, user_id: str) -> dict[str, str]:
    """Return what the guard stamps an answer with; nothing where the account's id is its user name."""
    return {} if user_id in {"", user} else {USER_FIELD: user, USER_ID_FIELD: user_id}


def user_name(kept: Any, fields: Any) -> str:
    """Return the user name of an answer from what Airflow kept of the account, and the answer's fields.

    Empty where it cannot be told, which counts for no person.
    """
    account = kept if isinstance(kept, dict) else {}
    name, user_id = account.get("name"), account.get("id")
    if SHOWN_NAMES and name != user_id:
        stamped = fields if isinstance(fields, dict) else {}
        name = stamped.get(USER_FIELD) if user_id and stamped.get(USER_ID_FIELD) == user_id else None
    return str(name or "")


def with_user_name(answered: Any) -> Any:
    """Return an answered request, or the event of one, with the user name; anything else as it is."""
    if not SHOWN_NAMES or not isinstance(answered, dict) or "responded_by_user" not in answered:
        return answered
    name = user_name(answered["responded_by_user"], answered.get("params_input"))
    return {**answered, "responded_by_user": {"name": name}}
