"""Contacts: who holds a role, who is who, and what a wrong file is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from launch_pipeline.approvals.contacts import Contacts, load_contacts
from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "tests" / "fixtures" / "contacts"

# File (named after its mistake), place, and words of the problem and of the fix.
MISTAKES = [
    ("duplicate_person_id", "people.id", "'ada' belongs to 2 people", "one of their own"),
    ("duplicate_slack_id", "people.slack_id", "'u0ada' belongs to 2 people", "one of their own"),
    ("duplicate_airflow_user", "people.airflow_user", "'ada.technical' belongs to 2", "one of their own"),
    ("duplicate_email", "people.email", "'ada@example.org' belongs to 2 people", "one of their own"),
    ("unknown_primary", "roles.cto", "has the id 'karla'", "use one of: ada, carla, omar, priya"),
    ("unknown_backup", "roles.operations_lead", "has the id 'adah'", "use one of: ada, carla"),
    ("unknown_rollback_person", "rollback.0.person", "has the id 'oma'", "use one of: ada, carla"),
    ("backup_repeats_primary", "roles.operations_lead", "'omar' is named 2 times", "another backup"),
    ("unknown_role", "roles.chief_tester", "'chief_tester' is not accepted", "correct the value"),
    ("signing_role_without_holder", "roles.cto", "no active person holds CTO", "'cto: {primary:"),
    ("signing_role_with_inactive_holder", "roles.cto", "no active person holds CTO", "'cto: {primary:"),
    ("phone_without_quotes", "people.0.phone", "12025550101 is not accepted", "in quotes"),
    ("slack_name_instead_of_id", "people.0.slack_id", "'@ada' is not accepted", "match the form"),
    ("misspelled_key", "people.2.slackid", "the key 'slackid' is not known", "spelling"),
    ("email_missing", "people.2.email", "it is missing", "add it"),
    ("role_written_twice", "line 12", "'cto'", "Correct the YAML"),
    ("role_without_primary", "roles.cto.primary", "it is missing", "add it"),
    ("newer_schema_version", "schema_version", "2 is not accepted", "correct the value"),
    ("nobody", "roles.technical_lead", "no active person holds Technical Lead", "primary:"),
]


@pytest.fixture
def contacts() -> Contacts:
    """Give the valid contacts of the fixtures."""
    return load_contacts(FOLDER / "valid.yaml")


def deactivate(contacts: Contacts, *ids: str) -> Contacts:
    """Mark people as gone."""
    people = tuple(p.model_copy(update={"active": p.id not in ids}) for p in contacts.people)
    return contacts.model_copy(update={"people": people})


@pytest.mark.parametrize(("name", "place", "problem", "fix"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_mistake_is_named_with_file_place_value_and_fix(
    name: str, place: str, problem: str, fix: str
) -> None:
    """A wrong contacts file is refused with file, place, value and fix."""
    with pytest.raises(ConfigurationError) as caught:
        load_contacts(FOLDER / f"{name}.yaml")
    assert caught.value.source.endswith(f"{name}.yaml")
    assert caught.value.place == place
    assert problem in caught.value.problem
    assert fix in caught.value.fix


def test_every_fixture_has_a_row() -> None:
    """No invalid fixture lies about untested."""
    assert {p.stem for p in FOLDER.glob("*.yaml")} == {row[0] for row in MISTAKES} | {"valid"}


def test_missing_file_is_a_configuration_error(tmp_path: Path) -> None:
    """A contacts file that is not there is named."""
    with pytest.raises(ConfigurationError, match=r"absent\.yaml"):
        load_contacts(tmp_path / "absent.yaml")


def test_further_problems_are_counted(tmp_path: Path) -> None:
    """The first of several problems says how many follow."""
    text = (FOLDER / "valid.yaml").read_text().replace("phone:", "fone:")
    (tmp_path / "contacts.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"\(7 more follow\.\)"):
        load_contacts(tmp_path / "contacts.yaml")


def test_example_staffs_every_role_and_the_ten_contacts() -> None:
    """The example names holders for all roles, with backups, and the four rollback contacts."""
    contacts = load_contacts(ROOT / "include" / "contacts.example.yaml", tuple(Role))
    assert all(len(contacts.holders(role)) > 1 for role in Role)
    titles = [contact.title for contact in contacts.rollback]
    assert titles == ["Kubernetes Admin", "Database Admin", "Network Admin", "Security Officer"]
    assert all(p.email.endswith("@example.org") for p in contacts.people)
    assert Role.QA_LEAD not in contacts.roles


def test_holders_are_primary_then_backups(contacts: Contacts) -> None:
    """The primary comes first."""
    assert [p.id for p in contacts.holders(Role.OPERATIONS_LEAD)] == ["omar", "ada"]
    assert contacts.holders(Role.NETWORK_ADMIN) == []


def test_inactive_people_hold_nothing(contacts: Contacts) -> None:
    """Who has left is neither asked nor counted, the backup moves up."""
    left = deactivate(contacts, "omar", "carla")
    assert [p.id for p in left.holders(Role.OPERATIONS_LEAD)] == ["ada"]
    assert left.unstaffed([Role.CTO, Role.OPERATIONS_LEAD, Role.CTO]) == [Role.CTO]


def test_qa_lead_falls_back(contacts: Contacts) -> None:
    """Without a QA lead the technical lead answers."""
    assert contacts.holders(Role.QA_LEAD) == contacts.holders(Role.TECHNICAL_LEAD)
    assert contacts.unstaffed([Role.QA_LEAD, Role.NETWORK_ADMIN]) == [Role.NETWORK_ADMIN]


def test_own_qa_lead_ends_the_fallback(contacts: Contacts) -> None:
    """A QA lead of one's own answers alone."""
    content = contacts.model_dump(mode="json")
    content["roles"]["qa_lead"] = {"primary": "priya"}
    own = Contacts.model_validate(content)
    assert [p.id for p in own.holders(Role.QA_LEAD)] == ["priya"]


def test_people_are_found_exactly(contacts: Contacts) -> None:
    """Airflow user and Slack id match exactly, e-mail in any case, nothing matches emptiness."""
    ada = contacts.person("ada")
    assert ada is not None
    assert contacts.by_airflow_user("ada.technical") is ada
    assert contacts.by_slack_id("U0ADA") is ada
    assert contacts.by_email(" ADA@example.org ") is ada
    assert contacts.by_airflow_user("Ada.Technical") is None
    assert contacts.by_slack_id("u0ada") is None
    assert not any((contacts.by_airflow_user(""), contacts.by_slack_id(""), contacts.by_email("")))


def test_people_without_accounts_are_not_found_by_them(contacts: Contacts) -> None:
    """A person without a Slack id or Airflow user is nobody there, and two such people do not clash."""
    content = contacts.model_dump(mode="json")
    for person in content["people"][:2]:
        person["slack_id"] = person["airflow_user"] = None
    assert Contacts.model_validate(content).by_slack_id("None") is None


def test_roles_of_a_person_include_fallbacks(contacts: Contacts) -> None:
    """A person's roles are those they answer for."""
    assert contacts.roles_of("ada") == [Role.TECHNICAL_LEAD, Role.OPERATIONS_LEAD, Role.QA_LEAD]
