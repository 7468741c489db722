"""``command`` with real programs: what they return, what they may see, and that nothing of them stays."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from launch_pipeline.checklist.model import CheckSpec
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers.checking import check, context, raw, run
from servers.programs import wait_for
from servers.work_tree import WorkTree

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
COMMIT = "a" * 40
SH = "/bin/sh"


def asked(cwd: Path, argv: list[str], variables: dict[str, Any] | None = None, **params: Any) -> CheckResult:
    ctx = context(allow_commands=True, variables={"release_sha": COMMIT, **(variables or {})})
    return run(check(ctx, "command", argv=argv, cwd=str(cwd), **params))


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


PROGRAMS: dict[str, tuple[list[str], dict[str, Any], Verdict, str]] = {
    "succeeds": (["true"], {}, P, "returncode = 0"),
    "fails": (["false"], {}, F, "returncode = 1"),
    "ended by a signal": ([SH, "-c", "kill -9 $$"], {}, F, "returncode = -9"),
    "another code is wanted": ([SH, "-c", "exit 3"], {"expect": {"returncode": "== 3"}}, P, "returncode = 3"),
    "what it says": (["echo", "all", "good"], {"expect": {"stdout_tail": "contains 'all good'"}}, P, "returncode"),
    "what it complains of": ([SH, "-c", "echo bad >&2"], {"expect": {"stderr_tail": "== ''"}}, F, "stderr_tail = bad"),
    "no shell": (["echo", "$HOME; `id` > x | cat && *"], {"expect": {"stdout_tail": "contains '$HOME; `id` > x | cat && *'"}}, P, "returncode"),
    "no such program": (["no-such-program"], {}, Q, "'no-such-program' cannot be run on this worker"),
    "no program": (["/etc/passwd"], {}, Q, "cannot be run on this worker"),
    "a null byte": (["echo", "a\0b"], {}, Q, "null byte"),
    "no input to wait for": (["cat"], {"timeout": "20s"}, P, "returncode = 0"),
    "a variable that is not set": (["env"], {"env": ["NO_SUCH_VARIABLE"]}, Q, "NO_SUCH_VARIABLE is not set"),
    "an artifact outside": (["true"], {"artifacts": ["../x"]}, Q, "leads out of"),
    "an artifact of the root": (["true"], {"artifacts": ["/etc/passwd"]}, Q, "leads out of"),
    "no artifact": (["true"], {"artifacts": ["summary.json"]}, F, 'missing_artifacts = ["summary.json"]'),
}  # fmt: skip


@pytest.mark.parametrize(("argv", "params", "verdict", "headline"), PROGRAMS.values(), ids=PROGRAMS.keys())
def test_program(
    tmp_path: Path, argv: list[str], params: dict[str, Any], verdict: Verdict, headline: str
) -> None:
    """What a program returns is judged; one that cannot be run says nothing."""
    result = asked(tmp_path, argv, **params)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_off_unless_allowed(tmp_path: Path) -> None:
    """Where the environment does not allow commands nothing is run, and the check says so."""
    result = run(check(context(), "command", argv=["touch", str(tmp_path / "ran")], cwd=str(tmp_path)))
    assert (result.verdict, "does not allow commands" in raw(result)) == (Q, True)
    assert not (tmp_path / "ran").exists()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """A wrong folder is named."""
    result = asked(tmp_path / "none", ["true"])
    assert (result.verdict, str(tmp_path / "none") in raw(result)) == (Q, True), result.headline


def test_environment_is_an_allow_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program sees the search path and what is named; the worker's own secrets are not there."""
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://a:planted@b/c")
    monkeypatch.setenv("K6_TARGET", "staging")
    result = asked(tmp_path, ["env"], env=["K6_TARGET"])
    names = {line.partition("=")[0] for line in str(result.observed["stdout_tail"]).splitlines()}
    assert (
        {"PATH", "K6_TARGET"}
        <= names
        <= {"PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "K6_TARGET", "LAUNCH_CHECK_COMMAND"}
    )


def test_output_is_bounded_and_redacted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of much output the end is kept; secrets are hidden before it is cut, so that no half of one remains."""
    monkeypatch.setenv("STAGING_TOKEN", "planted-token-0123456789")
    code = "import os; print('x' * 50_000_000); print('password=hunter2', os.environ['STAGING_TOKEN'] + 'y' * 4090)"
    result = asked(tmp_path, python(code), env=["STAGING_TOKEN"], timeout="60s")
    tail = str(result.observed["stdout_tail"])
    assert (result.verdict, len(tail) <= 4096, result.observed["stdout_bytes"] > 50_000_000) == (
        P,
        True,
        True,
    )
    assert not any(word in result.model_dump_json() for word in ("hunter2", "planted-token", "0123456789"))


TREE = """
import os, subprocess, sys, time, signal
grandchild = "import os, signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
kin = [subprocess.Popen([sys.executable, "-c", grandchild]).pid,
       subprocess.Popen([sys.executable, "-c", grandchild], start_new_session=True).pid]
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        kin.append(os.getpid())
        open("pids.tmp", "w").write(" ".join(map(str, [os.getppid(), *kin, os.getpid()])))
        os.rename("pids.tmp", "pids")
        time.sleep(600)
    os._exit(0)
print("started", flush=True)
"""


def pids(folder: Path) -> list[int]:
    wait_for((folder / "pids").exists, "starting the family")
    return [int(pid) for pid in (folder / "pids").read_text().split()][1:]


def test_after_a_time_out_nothing_is_left(tmp_path: Path) -> None:
    """Children, those in sessions of their own, and orphans are gone; the last line says how far it came."""
    code = TREE + "\nsignal.signal(15, signal.SIG_IGN); time.sleep(600)"
    began = time.monotonic()
    result = asked(tmp_path, python(code), timeout="8s", artifacts=["pids"])
    assert (result.verdict, result.attempts) == (Q, 1)
    assert "did not end within 6s and was stopped; its last line: started" in raw(result)
    family = pids(tmp_path)
    assert len(family) == 4
    assert not [pid for pid in family if alive(pid)]
    assert time.monotonic() - began < 30


def test_after_its_end_nothing_is_left(tmp_path: Path) -> None:
    """A program that ends and leaves others behind, with its pipes, is judged at once, and they end."""
    began = time.monotonic()
    result = asked(
        tmp_path, python(TREE + "\nwhile not os.path.exists('pids'): time.sleep(0.01)"), timeout="60s"
    )
    assert (result.verdict, time.monotonic() - began < 20) == (P, True), result.headline
    assert not [pid for pid in pids(tmp_path) if alive(pid)]


def test_cancelled_nothing_is_left(tmp_path: Path) -> None:
    """When the task itself is stopped, the program stops with it."""

    async def ask() -> None:
        ctx = context(allow_commands=True)
        task = asyncio.create_task(
            check(ctx, "command", argv=python(TREE + "\ntime.sleep(600)"), cwd=str(tmp_path), timeout="60s")
        )
        await asyncio.to_thread(wait_for, (tmp_path / "pids").exists, "starting")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(ask())
    wait_for(lambda: not [pid for pid in pids(tmp_path) if alive(pid)], "ending")


def test_a_program_that_ends_when_asked_may_tidy_up(tmp_path: Path) -> None:
    """SIGTERM comes first, so that a load generator can stop its load."""
    script = "trap 'echo tidied > tidy; exit 0' TERM; echo on; while :; do sleep 0.1; done"
    result = asked(tmp_path, [SH, "-c", script], timeout="4s")
    assert (result.verdict, (tmp_path / "tidy").read_text()) == (Q, "tidied\n")


def load_test(code: int, path: str = "summary.json") -> list[str]:
    """As k6 does: write the summary, then return 99 for a crossed threshold."""
    return python(f"open({path!r}, 'w').write('{{\"metrics\": {{}}}}'); raise SystemExit({code})")


@pytest.mark.parametrize(("code", "verdict"), [(0, P), (99, F)])
@pytest.mark.parametrize("as_url", [True, False])
def test_artifacts_are_kept_even_when_it_fails(
    tmp_path: Path, code: int, verdict: Verdict, *, as_url: bool
) -> None:
    """A crossed threshold is exit 99: the summary that says which one is where reports are read."""
    work, reports = tmp_path / "work", tmp_path / "reports"
    work.mkdir()
    reports.mkdir()
    where = {"reports": reports.as_uri() if as_url else str(reports)}
    result = asked(work, load_test(code, "load/summary.json"), where, artifacts=["load/summary.json"])
    assert result.verdict is verdict, result.headline
    (kept,) = result.observed["artifacts"]
    assert (kept["path"], kept["kept"]) == ("load/summary.json", True)
    assert (reports / "load/summary.json").read_text() == '{"metrics": {}}'
    beside = json.loads((reports / "load/summary.json.meta.json").read_text())
    assert (beside["commit"], "is not a checkout" in beside["unproven"]) == (None, True)
    assert sorted(path.name for path in (reports / "load").iterdir()) == [
        "summary.json",
        "summary.json.meta.json",
    ]


def test_what_an_earlier_run_left_is_not_new(tmp_path: Path) -> None:
    """A program that crashes before it writes must not pass off last week's summary as its own."""
    reports = tmp_path / "reports"
    reports.mkdir()
    (tmp_path / "summary.json").write_text("{}")
    result = asked(tmp_path, ["true"], {"reports": str(reports)}, artifacts=["*.json"])
    assert (result.verdict, list(reports.iterdir())) == (F, []), result.headline


def test_links_out_of_the_folder_are_not_kept(tmp_path: Path) -> None:
    """An artifact that is a link to somewhere else is none."""
    work, reports = tmp_path / "work", tmp_path / "reports"
    work.mkdir()
    reports.mkdir()
    (tmp_path / "secret").write_text("planted")
    result = asked(
        work, ["ln", "-s", "../secret", "summary.json"], {"reports": str(reports)}, artifacts=["summary.json"]
    )
    assert (result.verdict, list(reports.iterdir())) == (F, []), result.headline


@pytest.mark.parametrize("reports", ["https://reports.example/x", "s3://bucket/x", "none/such", ""])
def test_reports_that_are_no_folder(tmp_path: Path, reports: str) -> None:
    """Elsewhere than in a folder nothing is copied; the evidence says so."""
    result = asked(tmp_path, load_test(0), {"reports": reports}, artifacts=["summary.json"])
    assert (result.verdict, result.observed["artifacts"][0]["kept"]) == (P, False), result.headline


def test_a_report_follows_its_command(tmp_path: Path) -> None:
    """The artifact is there, about this commit and fresh, when the next check of the item reads it."""
    work, reports = tmp_path / "work", tmp_path / "reports"
    commit = WorkTree(work).write({"test.js": "x"})
    reports.mkdir()
    summary = {"metrics": {"http_reqs": {"count": 9, "rate": 1.0}, "vus": {"max": 1000, "min": 9, "value": 9},
                           "http_req_duration": {"p(95)": 312.5, "thresholds": {"p(95)<500": False}}}}  # fmt: skip
    code = f"import json; json.dump({summary!r}, open('load/summary.json', 'w'))"
    command = {"argv": python(code), "cwd": str(work), "artifacts": ["load/summary.json"]}
    report = {"uri": "${reports}/load/summary.json", "format": "k6", "expect": {"vus_max": ">= 1000"}}
    specs = [CheckSpec.model_validate({"command": command}), CheckSpec.model_validate({"report": report})]
    ctx = context(allow_commands=True, variables={"release_sha": commit, "reports": str(reports)})
    results = run(run_checks(specs, ctx))
    assert [one.verdict for one in results] == [P, P], [one.headline for one in results]


def test_a_real_test_runner(tmp_path: Path) -> None:
    """A test runner is a program like any other, and its report an artifact."""
    (tmp_path / "test_it.py").write_text("def test_it(): assert True\n")
    (tmp_path / "none.ini").write_text("[pytest]\n")
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        "none.ini",
        "--junitxml=r.xml",
    ]
    result = asked(
        tmp_path, argv, artifacts=["*.xml"], timeout="120s", expect={"stdout_tail": "contains '1 passed'"}
    )
    assert result.verdict is P, result.headline
    assert [one["path"] for one in result.observed["artifacts"]] == ["r.xml"]
    assert os.environ.get("LAUNCH_CHECK_COMMAND") is None
