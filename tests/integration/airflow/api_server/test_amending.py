"""Who amends, retargets, holds and resumes a launch through Airflow, and what the ledger has of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from typer.testing import CliRunner

from launch_pipeline.airflow.deployment.fab_roles import FabRole
from launch_pipeline.checklist.sequence import T_0, title
from launch_pipeline.checks.canonical import digest
from launch_pipeline.cli.main import app
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.in_force import dag_in_force, settings_in_force
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import EntryKind, Outcome
from servers.airflow_database import GateRows
from servers.amendable import COMMIT, admitted, answered, find, of_an_older_package, sealed
from servers.include_folder import IncludeFolder
from servers.plugin_server import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
    from click.testing import Result

    from launch_pipeline.ledger.launch import Launch
    from launch_pipeline.ledger.schema import LedgerEntry
    from servers.plugin_server import PluginServer

pytestmark = pytest.mark.integration

TECHNICAL, BACKUP, CTO, OPERATIONS, DATABASE = (
    "ada.technical", "bo.technical", "carla.cto", "omar.operations", "dana.database",
)  # fmt: skip
LEFT, STRANGER, LAUNCHER, VIEWER, HOLDER_WHO_ONLY_SEES = (
    "elias.engineering", "mallory.unknown", "noor.network", "selma.officer", "priya.product",
)  # fmt: skip
BRIDGE, PIPELINE, ADMIN = "launch-slack", "launch-pipeline", "root.admin"
ROLES = {
    **dict.fromkeys((TECHNICAL, BACKUP, CTO, OPERATIONS, DATABASE, LEFT, STRANGER), FabRole.APPROVER),
    LAUNCHER: FabRole.LAUNCHER,
    **dict.fromkeys((VIEWER, HOLDER_WHO_ONLY_SEES), FabRole.VIEWER),
    BRIDGE: FabRole.BRIDGE,
    PIPELINE: FabRole.PIPELINE,
    ADMIN: FabRole.ADMIN,
}
NOT_AMENDING = (
    OPERATIONS, DATABASE, LEFT, STRANGER, LAUNCHER, VIEWER, HOLDER_WHO_ONLY_SEES, BRIDGE, PIPELINE, ADMIN,
)  # fmt: skip
NOT_HOLDING = (DATABASE, LEFT, STRANGER, VIEWER, HOLDER_WHO_ONLY_SEES, BRIDGE, PIPELINE)
OTHER = "b" * 40
REASON = {"reason": "the load test has a new threshold"}
AMENDING = {
    "amend": REASON,
    "confirm": {"digest": "sha256:" + "0" * 64},
    "retarget": {"release_sha": OTHER, **REASON},
}
HOLDING = {"hold": REASON, "resume": REASON}
CHANGES = {**AMENDING, **HOLDING}
OF_A_CHANGE = {
    EntryKind.AMENDMENT_PROPOSED,
    EntryKind.LAUNCH_AMENDED,
    EntryKind.LAUNCH_RETARGETED,
    EntryKind.LAUNCH_HELD,
    EntryKind.LAUNCH_RESUMED,
}


@pytest.fixture(scope="module")
def include(tmp_path_factory: pytest.TempPathFactory) -> IncludeFolder:
    """Give checklists of this module's own, and contacts of whom one has left."""
    folder = IncludeFolder(tmp_path_factory.mktemp("amending") / "include")
    contacts = yaml.safe_load(folder.contacts.read_text())
    for person in contacts["people"]:
        person["active"] = person["airflow_user"] != LEFT
    folder.contacts.write_text(yaml.safe_dump(contacts))
    return folder


@pytest.fixture(scope="module")
def server(
    airflow_dsn: str, include: IncludeFolder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PluginServer]:
    """Give an api-server whose accounts have the roles of a deployment."""
    folder = tmp_path_factory.mktemp("api-server")
    options = {
        "AIRFLOW__CORE__AUTH_MANAGER": "launch_pipeline.airflow.api_server.auth_manager.LaunchAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
            f"{name}:{role}" for name, role in ROLES.items()
        ),
    }
    with serving(airflow_dsn, include, folder, **options) as running:
        # Passwords of accounts that the other tests do not have.
        running.passwords.update(json.loads((folder / "passwords.json").read_text()))
        yield running


@pytest.fixture(autouse=True)
def as_shipped(include: IncludeFolder) -> Iterator[None]:
    """Leave the files as they are shipped for the next test."""
    yield
    include.policy()
    (include.path / "checklists" / "overrides.yaml").unlink(missing_ok=True)


@pytest.fixture
def launch(airflow_dsn: str, include: IncludeFolder) -> Launch:
    """Give a launch that is under way by the shipped files."""
    return admitted(airflow_dsn, include)


@pytest.fixture(scope="module")
def still(airflow_dsn: str, include: IncludeFolder) -> Launch:
    """Give a launch that no test of this module may change."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAUNCH_INCLUDE", str(include.path))
        patch.delenv("LAUNCH_CONTACTS", raising=False)
        return admitted(airflow_dsn, include)


def overlay(include: IncludeFolder, **changes: Any) -> None:
    """Write the overlay."""
    (include.path / "checklists" / "overrides.yaml").write_text(yaml.safe_dump(changes))


def edited(include: IncludeFolder, **fields: Any) -> str:
    """Change an item that a machine checks; gives its ref."""
    _, spec = find(mode="check")
    overlay(include, items={spec.ref: fields or {"owner": "cto"}})
    return spec.ref


def change(server: PluginServer, user: str, launch: Launch, what: str, **body: Any) -> httpx.Response:
    return server.post(f"/launch/launches/{launch.launch_id}/{what}", {**CHANGES[what], **body}, user)


def look(server: PluginServer, launch: Launch, user: str = VIEWER) -> httpx.Response:
    path = f"/launch/launches/{launch.launch_id}/amendment"
    return server.send("GET", path, None, server.bearer(user))


def rows(dsn: str, launch: Launch) -> list[LedgerEntry]:
    """Return the rows of changes."""
    return [entry for entry in Ledger(dsn).entries(launch.launch_id) if entry.kind in OF_A_CHANGE]


def untouched(dsn: str, launch: Launch) -> None:
    assert Launches(dsn).get(launch.launch_id) == launch
    assert rows(dsn, launch) == []


# ---- who may not ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", AMENDING)
@pytest.mark.parametrize("user", NOT_AMENDING)
def test_others_neither_amend_nor_retarget(
    server: PluginServer, airflow_dsn: str, include: IncludeFolder, still: Launch, user: str, what: str
) -> None:
    """403 before anything of the request is read: a launcher and an admin without the role, too."""
    edited(include)
    path = f"/launch/launches/{still.launch_id}/{what}"
    for body in (AMENDING[what], "no object", {"reason": "x" * 99999}):
        reply = server.post(path, body, user)
        assert (reply.status_code, reply.json()["code"]) in {(403, "no_launcher"), (403, "not_yours")}
    untouched(airflow_dsn, still)


@pytest.mark.parametrize("what", HOLDING)
@pytest.mark.parametrize("user", NOT_HOLDING)
def test_others_neither_hold_nor_resume(
    server: PluginServer, airflow_dsn: str, still: Launch, user: str, what: str
) -> None:
    """A role alone is not enough: the account must answer or launch in Airflow."""
    reply = change(server, user, still, what)
    assert (reply.status_code, reply.json()["code"]) in {(403, "no_launcher"), (403, "not_yours")}
    untouched(airflow_dsn, still)


def test_refusal_says_who_may(server: PluginServer, still: Launch) -> None:
    """By name and role, without the one who left."""
    said = change(server, OPERATIONS, still, "amend").json()["detail"]
    assert "Omar Haddad holds none of the roles" in said
    assert "Ada Lindqvist or Bo Sato (Technical Lead), or Carla Mendes (CTO" in said
    assert "marked as inactive" in change(server, LEFT, still, "amend").json()["detail"]
    assert "not in the contacts" in change(server, STRANGER, still, "retarget").json()["detail"]
    assert "may hold a launch" in change(server, DATABASE, still, "hold").json()["detail"]


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("field", ["by", "via", "confirmed_by", "actor", "held_at", "plan"])
def test_no_field_names_another_or_the_result(
    server: PluginServer, airflow_dsn: str, include: IncludeFolder, still: Launch, what: str, field: str
) -> None:
    """What a request says of who acts, or of what comes out, is refused, not believed."""
    edited(include)
    reply = change(server, TECHNICAL, still, what, **{field: CTO})
    assert (reply.status_code, field in reply.json()["detail"], CTO in reply.text) == (422, True, False)
    untouched(airflow_dsn, still)


@pytest.mark.parametrize("what", ["amendment", *CHANGES])
def test_only_a_bearer_token_counts(server: PluginServer, airflow_dsn: str, still: Launch, what: str) -> None:
    """Neither cookies, nor another scheme, nor half a token."""
    path, token = f"/launch/launches/{still.launch_id}/{what}", server.token(TECHNICAL)
    method = "GET" if what == "amendment" else "POST"
    for headers in ({}, {"Cookie": f"_token={token}"}, {"Authorization": f"Basic {token}"},
                    {"Authorization": f"Bearer {token}x"}):  # fmt: skip
        reply = server.send(method, path, CHANGES.get(what), headers)
        assert (reply.status_code, reply.json()["code"]) == (401, "not_signed_in"), headers
    untouched(airflow_dsn, still)


def test_what_differs_is_told_to_readers_only(
    server: PluginServer, include: IncludeFolder, still: Launch
) -> None:
    """The bridge, which may read nothing, gets no word of it; no secret is told at all."""
    overlay(include, variables={"api_token": "s3cret-token"})
    refused = look(server, still, BRIDGE)
    assert (refused.status_code, set(refused.json())) == (403, {"code", "detail"})
    for user in (VIEWER, OPERATIONS, LAUNCHER, PIPELINE, ADMIN):
        reply = look(server, still, user)
        assert (reply.status_code, len(reply.json()["differences"])) == (200, 1), reply.text
        assert "s3cret" not in reply.text


@pytest.mark.parametrize("missing", ["contacts", "policy"])
def test_unreadable_contacts_or_policy_let_no_one_amend(
    server: PluginServer, airflow_dsn: str, include: IncludeFolder, launch: Launch, missing: str
) -> None:
    """Who may is not known then; a launcher still puts the launch on hold."""
    contacts = include.contacts.read_text()
    if missing == "contacts":
        include.contacts.write_text("people: nobody")
    else:
        include.policy(who_may_amend=["boss"])
    try:
        reply = change(server, TECHNICAL, launch, "retarget")
        assert (reply.status_code, reply.json()["code"]) == (403, "configuration")
        assert "launch validate" in reply.json()["detail"]
        untouched(airflow_dsn, launch)
        assert change(server, LAUNCHER, launch, "hold").status_code == 200
    finally:
        include.contacts.write_text(contacts)


# ---- what cannot be done -------------------------------------------------------------------------------


def test_nothing_differs(
    server: PluginServer, airflow_dsn: str, include: IncludeFolder, still: Launch
) -> None:
    """Comments and layout are no difference; there is nothing to amend then."""
    for file in (include.path / "checklists").glob("0*.yaml"):
        file.write_text(f"# a comment\n\n{file.read_text()}")
    found = look(server, still).json()
    assert (found["differences"], found["consequences"], found["digest"]) == ([], [], "")
    reply = change(server, TECHNICAL, still, "amend")
    assert (reply.status_code, "Nothing differs" in reply.json()["detail"]) == (409, True)
    untouched(airflow_dsn, still)


BROKEN = {
    "an item that is wrong": ({"items": {"CHECKED": {"owner": "boss"}}}, ["code_reviewed", "boss", "Fix"]),
    "an item that is none": ({"items": {"infrastructure_setup.nothing.x": None}}, ["nothing.x", "Fix"]),
    "no mapping": ({"items": 7}, ["overrides.yaml", "Fix"]),
    "variables in a circle": (
        {"variables": {"one": "${two}", "two": "${one}"}}, ["variables.yaml", "circle", "Fix"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_file_that_is_wrong_amends_nothing(
    server: PluginServer, airflow_dsn: str, include: IncludeFolder, still: Launch, name: str
) -> None:
    """Place, value and fix are named; the launch runs on by what it has."""
    content, words = BROKEN[name]
    ref = find(mode="check")[1].ref
    overlay(include, **json.loads(json.dumps(content).replace("CHECKED", ref)))
    for reply in (look(server, still), change(server, TECHNICAL, still, "amend")):
        assert (reply.status_code, reply.json()["code"]) == (409, "invalid"), reply.text
        assert [word for word in words if word not in reply.json()["detail"]] == []
    untouched(airflow_dsn, still)


def test_environment_that_is_wrong_amends_nothing(
    server: PluginServer, airflow_dsn: str, include: IncludeFolder, still: Launch
) -> None:
    """Broken or missing; and one for rehearsals never reaches a real launch."""
    include.environment(still.environment, hour="1s")
    reply = change(server, TECHNICAL, still, "amend")
    assert (reply.status_code, reply.json()["code"]) == (409, "invalid")
    assert all(word in reply.json()["detail"] for word in (f"{still.environment}.yaml", "hour", "Fix"))
    include.environment(still.environment, rehearsal=True, hour="1s", allow_side_effects=True)
    reply = change(server, TECHNICAL, still, "amend")
    assert (reply.status_code, "is for rehearsals now" in reply.json()["detail"]) == (409, True)
    (include.path / "environments" / f"{still.environment}.yaml").unlink()
    assert "does not exist" in change(server, TECHNICAL, still, "amend").json()["detail"]
    include.environment(still.environment, variables={"domain": "shop.example.org"})
    untouched(airflow_dsn, still)


def test_role_that_no_one_holds_amends_nothing(
    server: PluginServer, airflow_dsn: str, include: IncludeFolder, still: Launch
) -> None:
    """An item that no one could answer would hold the launch for ever."""
    contacts = include.contacts.read_text()
    document = yaml.safe_load(contacts)
    del document["roles"]["network_admin"]
    include.contacts.write_text(yaml.safe_dump(document))
    try:
        edited(include, owner="network_admin")
        reply = change(server, TECHNICAL, still, "amend")
        assert (reply.status_code, "holds the role Network Admin" in reply.json()["detail"]) == (409, True)
    finally:
        include.contacts.write_text(contacts)
    untouched(airflow_dsn, still)


@pytest.mark.parametrize("what", ["amend", "retarget", "hold", "resume"])
def test_launch_that_is_over_or_unknown_is_not_changed(
    server: PluginServer, airflow_dsn: str, include: IncludeFolder, launch: Launch, what: str
) -> None:
    """409 with a sentence."""
    edited(include)
    Launches(airflow_dsn).abort(launch.launch_id, LAUNCHER, "withdrawn")
    assert "ended as 'aborted'" in change(server, TECHNICAL, launch, what).json()["detail"]
    unknown = server.post(f"/launch/launches/nothing/{what}", CHANGES[what], TECHNICAL)
    assert (unknown.status_code, "no launch 'nothing'" in unknown.json()["detail"]) == (409, True)
    assert rows(airflow_dsn, launch) == []
    assert look(server, launch).status_code == 409


@pytest.mark.parametrize("what", ["amend", "retarget", "hold"])
@pytest.mark.parametrize(("reason", "status"), [(None, 422), ("  \u200b", 409), ("x" * 5000, 422), (7, 422)])
def test_reason_is_needed(
    server: PluginServer,
    airflow_dsn: str,
    include: IncludeFolder,
    still: Launch,
    what: str,
    reason: Any,
    status: int,
) -> None:
    """One that can be read, and not a book."""
    edited(include)
    assert change(server, TECHNICAL, still, what, reason=reason).status_code == status
    untouched(airflow_dsn, still)


@pytest.mark.parametrize("commit", ["", "b" * 39, "B" * 40, "main", "b" * 40 + "\n", "$(id)", "b" * 101])
def test_what_is_no_commit_is_refused(
    server: PluginServer, airflow_dsn: str, still: Launch, commit: str
) -> None:
    """Nothing but forty small hexadecimal digits."""
    assert change(server, TECHNICAL, still, "retarget", release_sha=commit).status_code in {409, 422}
    assert change(server, TECHNICAL, still, "retarget", release="two").status_code == 409
    untouched(airflow_dsn, still)


def test_launch_that_has_begun_t_0_is_not_retargeted(
    server: PluginServer, airflow_dsn: str, launch: Launch
) -> None:
    """What is in production is another commit then."""
    _, spec = find(mode="check", uses="release_sha")
    answered(airflow_dsn, launch, T_0, spec)
    reply = change(server, TECHNICAL, launch, "retarget")
    assert (reply.status_code, "has begun" in reply.json()["detail"]) == (409, True)
    untouched(airflow_dsn, launch)


def test_files_that_changed_since_the_person_looked(
    server: PluginServer, airflow_dsn: str, include: IncludeFolder, still: Launch
) -> None:
    """Who names what they saw amends that or nothing."""
    edited(include)
    seen = look(server, still).json()["digest"]
    edited(include, owner="security_lead")
    reply = change(server, TECHNICAL, still, "amend", digest=seen)
    assert (reply.status_code, "Look again" in reply.json()["detail"]) == (409, True)
    untouched(airflow_dsn, still)


# ---- amend ---------------------------------------------------------------------------------------------


def test_technical_lead_amends_with_the_account_that_answers(
    server: PluginServer, airflow_dsn: str, include: IncludeFolder, launch: Launch
) -> None:
    """The row names who signed in and what changed; the launch runs by today's files from then on."""
    ref = edited(include)
    found = look(server, launch).json()
    assert [(one["where"], one["what"]) for one in found["differences"]] == [(ref, ["owner"])]
    reply = change(server, TECHNICAL, launch, "amend", digest=found["digest"])
    assert (reply.status_code, reply.json()["state"]) == (200, "active"), reply.text
    (row,) = rows(airflow_dsn, launch)
    said = row.content
    assert (said["by"], said["via"], said["reason"]) == (TECHNICAL, "airflow", REASON["reason"])
    assert (said["changes"], "confirmed_by" in said) == ([{"where": ref, "what": ["owner"]}], False)
    amended = LaunchContext.of_launch(Launches(airflow_dsn).get(launch.launch_id))
    dag_id, spec = find(mode="check")
    (include.path / "checklists" / "overrides.yaml").unlink()
    assert dag_in_force(airflow_dsn, amended, dag_id).specs[spec.task_id].item.owner == "cto"
    # The other way round, by the backup.
    assert change(server, BACKUP, launch, "amend").status_code == 200
    again = Launches(airflow_dsn).get(launch.launch_id)
    assert (again.checklist_digests, again.environment_digest) == (
        launch.checklist_digests, launch.environment_digest,
    )  # fmt: skip


def test_environment_is_adopted_with_the_checklists(
    server: PluginServer, airflow_dsn: str, include: IncludeFolder, launch: Launch
) -> None:
    """Until then the launch runs by the one that it began with."""
    include.environment(launch.environment, variables={"domain": "new.example.org"})
    context = LaunchContext.of_launch(launch)
    assert settings_in_force(airflow_dsn, context).environment.variables["domain"] == "shop.example.org"
    assert change(server, TECHNICAL, launch, "amend").status_code == 200
    now = Launches(airflow_dsn).get(launch.launch_id)
    settings = settings_in_force(airflow_dsn, LaunchContext.of_launch(now))
    assert settings.environment.variables["domain"] == "new.example.org"
    assert now.environment_digest == digest(settings.document)


def test_person_sees_what_becomes_of_each_item(
    server: PluginServer, airflow_dsn: str, include: IncludeFolder, launch: Launch
) -> None:
    """What seals its phase again, what nothing rests on; what goes stale is in the reply."""
    dag_id, spec = find(mode="check")
    sealed(airflow_dsn, launch, dag_id, answered(airflow_dsn, launch, dag_id, spec))
    _, other = find(mode="check", not_="release_sha")
    assert other.ref != spec.ref
    overlay(include, items={spec.ref: {"owner": "cto"}, other.ref: {"notes": "Look twice."}})
    told = {one["item_ref"]: one for one in look(server, launch).json()["consequences"]}
    assert told[spec.ref]["phase"] == "sealed"
    assert told[spec.ref]["words"] == "is verified again by itself; its phase is sealed again"
    assert told[other.ref]["effect"] == "nothing"
    reply = change(server, TECHNICAL, launch, "amend").json()
    assert [(one["item_ref"], one["why"]) for one in reply["stale"]] == [
        (spec.ref, ["the rules about who answers it were changed"])
    ]


def test_run_in_airflow_means_that_a_phase_has_begun(
    server: PluginServer, airflow_dsn: str, include: IncludeFolder, launch: Launch
) -> None:
    """Before the ledger has a row of it."""
    dag_id, spec = find(mode="check")
    overlay(include, items={spec.ref: {"owner": "cto"}})
    assert look(server, launch).json()["consequences"][0]["phase"] == "not begun"
    GateRows(airflow_dsn).waiting(dag_id, launch.launch_id, "nothing.of_ours")
    assert look(server, launch).json()["consequences"][0]["phase"] == "running"


def test_code_in_a_reason_stays_text(
    server: PluginServer, airflow_dsn: str, include: IncludeFolder, launch: Launch
) -> None:
    """As it was written, character for character."""
    edited(include)
    reason = "'); DROP TABLE launch.ledger; -- ${domain} {{ 7*7 }} <script>x</script> [red]\x1b[31m"
    assert change(server, TECHNICAL, launch, "amend", reason=reason).status_code == 200
    (row,) = rows(airflow_dsn, launch)
    assert row.content["reason"] == reason


def test_launch_of_an_older_package_adopts_todays_files(
    server: PluginServer, airflow_dsn: str, include: IncludeFolder
) -> None:
    """Where a file was changed; phases of files that are as they were keep what they began with."""
    launch = of_an_older_package(airflow_dsn, include)
    assert look(server, launch).json()["differences"] == []
    dag_id, spec = find(mode="check")
    for file in (include.path / "checklists").glob("01*.yaml"):
        file.write_text(f"{file.read_text()}\n# another comment\n")
    found = look(server, launch).json()
    assert {tuple(one["what"]) for one in found["differences"]} == {("definition",)}
    assert change(server, CTO, launch, "amend").status_code == 200
    now = Launches(airflow_dsn).get(launch.launch_id)
    changed = {d for d, began in launch.checklist_digests.items() if now.checklist_digests[d] != began}
    assert (changed, bool(now.environment_digest)) == ({dag_id}, True)
    assert spec.task_id in dag_in_force(airflow_dsn, LaunchContext.of_launch(now), dag_id).specs
    assert look(server, now).json()["differences"] == []


# ---- a second person -----------------------------------------------------------------------------------


@pytest.fixture
def two(include: IncludeFolder, launch: Launch, still: Launch) -> IncludeFolder:
    """Give a policy that wants two people, and a file that was changed since the launches began."""
    assert launch.launch_id != still.launch_id
    include.policy(amend_needs_second=True)
    edited(include)
    return include


def asked_for(server: PluginServer, launch: Launch) -> str:
    """Let the technical lead ask for an amendment; gives its digest."""
    reply = change(server, TECHNICAL, launch, "amend")
    assert reply.status_code == 202, reply.text
    found: str = reply.json()["proposed"]
    return found


@pytest.mark.usefixtures("two")
def test_one_person_amends_nothing_alone(server: PluginServer, airflow_dsn: str, launch: Launch) -> None:
    """Asking twice is asking once; confirming oneself is refused, and the others are named."""
    asked = asked_for(server, launch)
    assert asked_for(server, launch) == asked
    reply = change(server, TECHNICAL, launch, "confirm", digest=asked)
    assert (reply.status_code, "another person must confirm" in reply.json()["detail"]) == (403, True)
    assert Launches(airflow_dsn).get(launch.launch_id) == launch
    assert [row.kind for row in rows(airflow_dsn, launch)] == [EntryKind.AMENDMENT_PROPOSED]


@pytest.mark.usefixtures("two")
def test_what_no_one_asked_for_is_not_confirmed(
    server: PluginServer, airflow_dsn: str, still: Launch
) -> None:
    """Not even where the digest is that of today's files."""
    for named in (look(server, still).json()["digest"], "sha256:" + "0" * 64, ""):
        reply = change(server, CTO, still, "confirm", digest=named)
        assert (reply.status_code, "No one has asked" in reply.json()["detail"]) == (409, True)
    untouched(airflow_dsn, still)


def test_files_that_changed_after_the_first_person_asked(
    server: PluginServer, airflow_dsn: str, two: IncludeFolder, launch: Launch
) -> None:
    """Exactly what the first saw is confirmed, or nothing."""
    asked = asked_for(server, launch)
    edited(two, owner="security_lead")
    reply = change(server, CTO, launch, "confirm", digest=asked)
    assert (reply.status_code, "have changed" in reply.json()["detail"]) == (409, True)
    fresh = look(server, launch).json()["digest"]
    assert change(server, CTO, launch, "confirm", digest=fresh).status_code == 409
    assert Launches(airflow_dsn).get(launch.launch_id) == launch


@pytest.mark.usefixtures("two")
def test_request_of_another_launch_confirms_nothing(
    server: PluginServer, airflow_dsn: str, include: IncludeFolder, launch: Launch
) -> None:
    """A digest names one launch."""
    asked = asked_for(server, launch)
    (include.path / "checklists" / "overrides.yaml").unlink()
    other = admitted(airflow_dsn, include)
    edited(include)
    assert change(server, CTO, other, "confirm", digest=asked).status_code == 409
    untouched(airflow_dsn, other)


@pytest.mark.usefixtures("two")
def test_second_person_confirms_and_both_are_named(
    server: PluginServer, airflow_dsn: str, launch: Launch
) -> None:
    """The first with their reason, the second beside; used once, it is used up."""
    asked = asked_for(server, launch)
    refused = change(server, CTO, launch, "amend", reason="me too")
    assert (refused.status_code, f"--confirm {asked}" in refused.json()["detail"]) == (409, True)
    assert look(server, launch).json()["proposed"] == {"by": TECHNICAL, "reason": REASON["reason"]}
    assert change(server, CTO, launch, "confirm", digest=asked).status_code == 200
    said = rows(airflow_dsn, launch)[-1].content
    assert (said["by"], said["confirmed_by"], said["reason"]) == (TECHNICAL, CTO, REASON["reason"])
    assert change(server, CTO, launch, "confirm", digest=asked).status_code == 409
    assert [row.kind for row in rows(airflow_dsn, launch)] == [
        EntryKind.AMENDMENT_PROPOSED, EntryKind.LAUNCH_AMENDED,
    ]  # fmt: skip


def test_policy_without_a_second_person_takes_no_confirmation(
    server: PluginServer, airflow_dsn: str, include: IncludeFolder, still: Launch
) -> None:
    """A reason of one's own is needed."""
    edited(include)
    named = look(server, still).json()["digest"]
    assert "no second person" in change(server, CTO, still, "confirm", digest=named).json()["detail"]
    untouched(airflow_dsn, still)


# ---- retarget, hold, resume, and what they make stale ---------------------------------------------------


def test_technical_lead_retargets_and_sees_what_rests_on_the_commit(
    server: PluginServer, airflow_dsn: str, launch: Launch
) -> None:
    """Exactly the items that use the commit; the same target again changes nothing."""
    dag_id, pinned = find(mode="check", uses="release_sha")
    answered(airflow_dsn, launch, dag_id, pinned)
    numbered_dag, numbered = find(mode="approval", uses="release", not_="release_sha")
    answered(airflow_dsn, launch, numbered_dag, numbered, outcome=Outcome.APPROVED)
    reply = change(server, TECHNICAL, launch, "retarget")
    assert (reply.status_code, reply.json()["release_sha"]) == (200, OTHER), reply.text
    (one,) = reply.json()["stale"]
    assert (one["item_ref"], one["why"]) == (pinned.ref, ["the release commit was changed"])
    again = change(server, CTO, launch, "retarget")
    assert (again.status_code, again.json()["stale"]) == (200, [])
    named = change(server, CTO, launch, "retarget", release="1.2.1").json()
    assert (named["release"], [one["item_ref"] for one in named["stale"]]) == ("1.2.1", [numbered.ref])
    first, second = (row.content for row in rows(airflow_dsn, launch))
    assert (first["by"], first["from"]["release_sha"], first["to"]["release_sha"]) == (
        TECHNICAL,
        COMMIT,
        OTHER,
    )
    assert (second["by"], second["to"]) == (CTO, {"release": "1.2.1", "release_sha": OTHER})


def test_postponement_says_what_it_makes_stale(
    server: PluginServer, airflow_dsn: str, launch: Launch
) -> None:
    """What rests on the launch time, and nothing else."""
    dag_id, timed = find(mode="check", uses="launch_at")
    answered(airflow_dsn, launch, dag_id, timed)
    answered(airflow_dsn, launch, *find(mode="check", not_="launch_at"))
    body = {"to": "2040-06-01T09:00:00+00:00", **REASON}
    reply = server.post(f"/launch/launches/{launch.launch_id}/postpone", body, LAUNCHER)
    (one,) = reply.json()["stale"]
    assert (one["item_ref"], one["dag_id"], one["text"]) == (timed.ref, dag_id, timed.item.text)
    assert "the launch time was moved" in one["why"]


@pytest.mark.parametrize("user", [LAUNCHER, OPERATIONS, BACKUP, ADMIN])
def test_launchers_and_deciders_hold_and_resume(
    server: PluginServer, airflow_dsn: str, launch: Launch, user: str
) -> None:
    """Under their own names; said twice it stays with the first."""
    held = change(server, user, launch, "hold", reason="the CDN is down")
    assert (held.status_code, bool(held.json()["held_at"])) == (200, True)
    assert change(server, LAUNCHER, launch, "hold").json()["held_at"] == held.json()["held_at"]
    assert Launches(airflow_dsn).get(launch.launch_id).held_at is not None
    resumed = change(server, user, launch, "resume", reason="the CDN is back")
    assert (resumed.status_code, resumed.json()["held_at"]) == (200, None)
    first, second = rows(airflow_dsn, launch)
    assert [first.kind, second.kind] == [EntryKind.LAUNCH_HELD, EntryKind.LAUNCH_RESUMED]
    assert {(row.content["by"], row.content["via"]) for row in (first, second)} == {(user, "airflow")}


# ---- the command --------------------------------------------------------------------------------------


def command(server: PluginServer, user: str, *words: str) -> Result:
    """Run the command as somebody who is signed in at this server."""
    variables = {"LAUNCH_AIRFLOW_PASSWORD": server.passwords[user], "LAUNCH_AIRFLOW_USER": user}
    return CliRunner().invoke(app, [*words, "--url", server.url], env=variables)


def test_command_shows_amends_and_is_confirmed(
    server: PluginServer, airflow_dsn: str, two: IncludeFolder, launch: Launch
) -> None:
    """One person asks, the other confirms what they both saw; what no one may do is told and not done."""
    assert two.path.exists()
    shown = command(server, VIEWER, "amend", launch.launch_id)
    assert (shown.exit_code, "owner" in shown.output) == (0, True), shown.output
    words = ("amend", launch.launch_id, "--reason", REASON["reason"])
    refused = command(server, OPERATIONS, *words)
    assert (refused.exit_code, "Ada Lindqvist or Bo Sato" in refused.stderr) == (1, True)
    untouched(airflow_dsn, launch)
    asked = command(server, TECHNICAL, *words)
    assert (asked.exit_code, "until another person confirms it" in asked.output) == (0, True)
    digest_asked = asked.output.split()[-1]
    alone = command(server, TECHNICAL, "amend", launch.launch_id, "--confirm", digest_asked)
    assert (alone.exit_code, "another person must confirm" in alone.stderr) == (1, True)
    done = command(server, CTO, "amend", launch.launch_id, "--confirm", digest_asked)
    assert (done.exit_code, "is amended" in done.output) == (0, True)
    assert "Nothing differs" in command(server, VIEWER, "amend", launch.launch_id).output
    assert rows(airflow_dsn, launch)[-1].content["confirmed_by"] == CTO


def test_command_says_what_a_broken_file_needs(
    server: PluginServer, airflow_dsn: str, include: IncludeFolder, still: Launch
) -> None:
    """File, item and fix, and exit 1."""
    _, spec = find(mode="check")
    overlay(include, items={spec.ref: {"owner": "boss"}})
    done = command(server, TECHNICAL, "amend", still.launch_id, "--reason", "new")
    assert done.exit_code == 1
    for word in ("overrides.yaml", spec.task_id, "'boss'", "Fix"):
        assert word in done.stderr
    untouched(airflow_dsn, still)


def test_commands_retarget_hold_and_resume(server: PluginServer, airflow_dsn: str, launch: Launch) -> None:
    """As who signs in; what is verified again is listed with its phase and its reason."""
    dag_id, pinned = find(mode="check", uses="release_sha")
    answered(airflow_dsn, launch, dag_id, pinned)
    words = ("retarget", launch.launch_id, "--release-commit", OTHER, "--reason", "a fix")
    assert command(server, LAUNCHER, *words).exit_code == 1
    done = command(server, TECHNICAL, *words)
    assert done.exit_code == 0, done.output
    for said in ("1 item is verified again", f"{title(dag_id)}: 1", "the release commit was changed", OTHER):
        assert said in done.output
    for verb in ("hold", "resume"):
        assert command(server, LAUNCHER, verb, launch.launch_id, "--reason", "x").exit_code == 0
    assert [row.kind for row in rows(airflow_dsn, launch)] == [
        EntryKind.LAUNCH_RETARGETED, EntryKind.LAUNCH_HELD, EntryKind.LAUNCH_RESUMED,
    ]  # fmt: skip
