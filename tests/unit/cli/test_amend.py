"""``launch amend`` shows what differs and what comes of it, and changes nothing without a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from launch_pipeline.cli.main import app
from servers.scripted_http import ScriptedHttp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAUNCH = "shop-1.2"
PATH = f"/launch/launches/{LAUNCH}"
DIGEST = "sha256:" + "1" * 64


def difference(where: str, *what: str, **shown: tuple[str, str]) -> dict[str, Any]:
    texts = [{"name": n, "before": before, "after": after} for n, (before, after) in shown.items()]
    return {"where": where, "what": list(what), "dag_id": "week_1", "text": "TLS is valid", "shown": texts}


def consequence(ref: str, words: str, *why: str, phase: str = "sealed") -> dict[str, Any]:
    return {
        "item_ref": ref, "text": f"Item {ref}", "words": words, "why": list(why), "phase": phase,
        "phase_title": "01 Week 1", "effect": "verified", "owner": "cto", "dag_id": "week_1",
    }  # fmt: skip


FOUND = {
    "launch_id": LAUNCH,
    "digest": DIGEST,
    "differences": [
        difference("a.b.tls", "owner", "checks", owner=("cto", "qa_lead"), checks=("days: 30", "days: 14")),
        difference("variable.domain", "value", domain=("old.example.org", "new.example.org")),
    ],
    "consequences": [
        consequence("a.b.tls", "is verified again by itself", "its checks were changed"),
        consequence("a.b.dns", "is verified again by itself", "the variable domain was changed"),
    ],
    "needs_second": False,
    "proposed": None,
}
AMENDED = {
    "launch_id": LAUNCH,
    "state": "active",
    "stale": [
        {
            "dag_id": "w",
            "phase": "01 Week 1",
            "item_ref": "a",
            "text": "TLS is valid",
            "why": ["x was changed"],
        },
        {"dag_id": "w", "phase": "02 Week 2", "item_ref": "b", "text": "[red]DNS", "why": ["y", "z"]},
    ],
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ScriptedHttp]:
    with ScriptedHttp() as running:
        monkeypatch.setenv("LAUNCH_HOME", str(tmp_path))
        monkeypatch.setenv("LAUNCH_AIRFLOW_URL", running.url)
        monkeypatch.setenv("LAUNCH_AIRFLOW_USER", "ada.technical")
        monkeypatch.setenv("LAUNCH_AIRFLOW_PASSWORD", "secret")
        yield running.reply("POST", "/auth/token", (201, {"access_token": "t"}))


def run(*arguments: str) -> Any:
    # As wide on every machine: a narrow table is wrapped.
    return CliRunner().invoke(app, ["amend", LAUNCH, *arguments], env={"COLUMNS": "200"})


def found(server: ScriptedHttp, **changes: Any) -> None:
    """Let the server find these differences."""
    server.reply("GET", f"{PATH}/amendment", {**FOUND, **changes})


def posts(server: ScriptedHttp) -> list[str]:
    return [r["path"] for r in server.requests if r["method"] == "POST" and "token" not in r["path"]]


def test_looking_changes_nothing(server: ScriptedHttp) -> None:
    """Items by phase with what happens to them, settings with their values, and the next command."""
    found(server)
    done = run()
    assert done.exit_code == 0, done.output
    assert posts(server) == []
    rows = [" ".join(line.split()) for line in done.output.splitlines()]
    assert "variable.domain old.example.org → new.example.org" in rows
    assert "01 Week 1 (sealed)" in rows
    assert "Item a.b.tls owner, checks is verified again by itself" in rows
    assert "Item a.b.dns the variable domain was changed is verified again by itself" in rows
    assert "Nothing has changed yet" in done.output
    assert f"amendment {DIGEST}" in rows


def test_values_are_shown_on_request(server: ScriptedHttp) -> None:
    """Before and after, as a diff."""
    found(server)
    assert "days: 30" not in run().output
    lines = [line.strip() for line in run("--diff").output.splitlines()]
    assert [line for line in lines if line[:1] in "+-" and "days" in line] == ["-days: 30", "+days: 14"]
    assert server.seen("GET", f"{PATH}/amendment")


def test_nothing_differs(server: ScriptedHttp) -> None:
    """It is said, and nothing is sent even with a reason."""
    found(server, differences=[], consequences=[], digest="")
    for arguments in ((), ("--reason", "new")):
        done = run(*arguments)
        assert (done.exit_code, "Nothing differs" in done.output) == (0, True)
    assert posts(server) == []


def test_reason_and_confirmation_exclude_each_other(server: ScriptedHttp) -> None:
    """One person does one of them."""
    assert run("--reason", "new", "--confirm", DIGEST).exit_code == 2
    assert server.requests == []


def test_broken_file_is_shown(server: ScriptedHttp) -> None:
    """Place, value and fix as the server says them, and exit 1; nothing is sent."""
    said = "overrides.yaml: a.b.tls: owner: 'boss' is not allowed. Fix: Use one of: cto."
    server.reply("GET", f"{PATH}/amendment", (409, {"code": "invalid", "detail": said}))
    done = run("--reason", "new")
    assert (done.exit_code, said in " ".join(done.stderr.split())) == (1, True)
    assert posts(server) == []


def test_refusal_is_shown(server: ScriptedHttp) -> None:
    """The sentence of the server, and exit 1."""
    found(server)
    server.reply("POST", f"{PATH}/amend", (403, {"code": "not_yours", "detail": "Ada Lindqvist may amend."}))
    done = run("--reason", "new")
    assert (done.exit_code, "Ada Lindqvist may amend" in done.stderr) == (1, True)


def test_amendment_says_what_is_verified_again(server: ScriptedHttp) -> None:
    """Counted by phase; what was seen is what is sent, and text stays text."""
    found(server)
    server.reply("POST", f"{PATH}/amend", AMENDED)
    done = run("--reason", "new [bold]")
    assert done.exit_code == 0, done.output
    (sent,) = server.seen("POST", f"{PATH}/amend")
    assert sent["body"] == {"reason": "new [bold]", "digest": DIGEST}
    for words in (
        "2 items are verified again",
        "01 Week 1: 1",
        "TLS is valid x was changed",
        "[red]DNS y; z",
    ):
        assert words in done.output


def test_second_person_is_asked_for(server: ScriptedHttp) -> None:
    """The launch is not amended yet; the command to confirm with is shown."""
    found(server)
    server.reply("POST", f"{PATH}/amend", (202, {"launch_id": LAUNCH, "proposed": DIGEST, "by": "ada"}))
    done = run("--reason", "new")
    assert (done.exit_code, "is amended" in done.output) == (0, False)
    assert f"launch amend {LAUNCH} --confirm {DIGEST}" in done.output


def test_second_person_sees_who_asks_and_confirms(server: ScriptedHttp) -> None:
    """Who asks and why is shown, without steering the terminal."""
    proposed = {"by": "ada.technical", "reason": "new\x1b[2J threshold"}
    found(server, needs_second=True, proposed=proposed)
    shown = run().output
    assert ("ada.technical asks for this: new" in shown, "\x1b" in shown) == (True, False)
    server.reply("POST", f"{PATH}/confirm", AMENDED)
    assert f"{LAUNCH} is amended" in run("--confirm", DIGEST).output
    assert server.seen("POST", f"{PATH}/confirm")[0]["body"] == {"digest": DIGEST}


def test_what_cannot_be_known_is_said(server: ScriptedHttp) -> None:
    """The change is made; what it makes stale is not called nothing."""
    reply = {"release": "1.2", "release_sha": "b" * 40, "stale": [], "stale_unknown": "x.yaml is wrong"}
    server.reply("POST", f"{PATH}/retarget", reply)
    words = ["retarget", LAUNCH, "--release-commit", "b" * 40, "--reason", "a fix"]
    done = CliRunner().invoke(app, words)
    assert (done.exit_code, "not known yet: x.yaml is wrong" in done.output) == (0, True)
