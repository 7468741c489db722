"""Running checks: retries, waiting, and everything that may go wrong."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from launch_pipeline.checklist.model import CheckSpec
from launch_pipeline.checks.canonical import canonical_json
from launch_pipeline.checks.engine import run as running
from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Params, merged
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.limits import LIMIT_BYTES
from launch_pipeline.checks.verdict import Observation, Subject, Verdict
from launch_pipeline.errors import Inconclusive, Unreachable
from servers.checking import check, context, run

if TYPE_CHECKING:
    from collections.abc import Callable


class AnswerParams(Params):
    note: str = ""


class Authority:
    """An authority that answers by a script: a value, an exception, or silence (None)."""

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.asked = 0

    async def observe(self, params: AnswerParams, ctx: CheckContext) -> Observation:
        step = self.script[min(self.asked, len(self.script) - 1)]
        self.asked += 1
        if params.conn_id:
            await ctx.connection(params.conn_id)
        if isinstance(step, Exception):
            raise step
        if step is None:
            await asyncio.Event().wait()
        subject = Subject(name="it", facts={"value": step})
        return Observation(subjects=(subject,), authority="authority", summary={"value": step})


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run one check against a scripted authority; gives the result."""

    def asked(
        authority: Authority, ctx: CheckContext | None = None, repeatable: bool = True, **params: Any
    ) -> Any:
        kind = Kind(
            name="scripted", params=AnswerParams, observe="a:b", repeatable=lambda _p: repeatable,
            criteria=lambda p: merged({"value": "== 1"}, p),
        )  # fmt: skip
        monkeypatch.setattr(running, "kind", lambda _name: kind)
        monkeypatch.setattr(running, "observer", lambda _kind: authority.observe)
        return run(check(ctx or context(), "scripted", **params))

    return asked


def test_clear_yes_passes(ask: Callable[..., Any]) -> None:
    """What was seen is judged and kept."""
    result = ask(Authority(1))
    assert (result.verdict, result.headline, result.attempts) == (Verdict.PASSED, "value is 1", 1)


def test_silence_is_asked_three_times(ask: Callable[..., Any]) -> None:
    """Nobody answering is inconclusive after three attempts."""
    result = ask(Authority(Unreachable("no route", retryable=True)))
    assert (result.verdict, result.headline, result.attempts) == (Verdict.INCONCLUSIVE, "no route", 3)


def test_second_answer_counts(ask: Callable[..., Any]) -> None:
    """An attempt after a failure to ask may pass."""
    assert ask(Authority(Unreachable("x", retryable=True), 1)).attempts == 2


def test_no_is_not_asked_again(ask: Callable[..., Any]) -> None:
    """A clear no is a no at once."""
    result = ask(Authority(2, 1))
    assert (result.verdict, result.headline, result.attempts) == (Verdict.FAILED, "value is 2; wanted 1", 1)


@pytest.mark.parametrize(("after", "attempts"), [(5.0, 2), (31.0, 1), (float("inf"), 1)])
def test_retry_after_is_honoured_up_to_the_timeout(
    ask: Callable[..., Any], after: float, attempts: int
) -> None:
    """An authority that asks for more time than the time-out is not asked again."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    result = ask(Authority(Unreachable("busy", retryable=True, retry_after=after), 1), context(sleep=sleep))
    assert result.attempts == attempts
    assert slept == [after][: attempts - 1]


def test_pauses_grow(ask: Callable[..., Any]) -> None:
    """The second pause is longer than the first could be."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    ask(Authority(Unreachable("x", retryable=True)), context(sleep=sleep))
    assert 0.25 <= slept[0] <= 0.75
    assert 0.5 <= slept[1] <= 1.5


def test_timeout_is_hard(ask: Callable[..., Any]) -> None:
    """An observer that hangs is inconclusive and says how long it was waited for."""
    result = ask(Authority(None), repeatable=False, timeout="50ms")
    assert (result.verdict, result.headline, result.attempts) == (
        Verdict.INCONCLUSIVE, "no answer within 0.05s", 1)  # fmt: skip


def test_wait_polls_until_it_passes(ask: Callable[..., Any]) -> None:
    """A check that waits looks again until the answer is yes."""
    result = ask(Authority(0, 0, 0, 1), wait="1h", interval="1s")
    assert (result.verdict, result.attempts) == (Verdict.PASSED, 4)


def test_wait_ends_with_the_last_look(ask: Callable[..., Any]) -> None:
    """When the waiting is over the last observation counts."""
    result = ask(Authority(0, 7), context(sleep=asyncio.sleep), wait="60ms", interval="50ms")
    assert (result.verdict, result.headline) == (Verdict.FAILED, "value is 7; wanted 1")


def test_rehearsal_compresses_waiting() -> None:
    """An hour that lasts a minute makes waiting sixty times shorter."""
    assert context(rehearsal=True, hour="1m").environment.pace == pytest.approx(1 / 60)


def test_fast_time_leaves_a_second_to_wait(ask: Callable[..., Any]) -> None:
    """Where an hour lasts a millisecond, what comes through a pipeline is still waited for."""
    result = ask(Authority(0, 0, 0, 1), context(rehearsal=True, hour="1ms"), wait="5m", interval="1s")
    assert (result.verdict, result.attempts) == (Verdict.PASSED, 4)


def test_names_of_the_product_are_filled_in(ask: Callable[..., Any]) -> None:
    """A check needs no environment for the product's names; what an environment says comes before them."""
    named = ask(Authority(1), context(), note="${gateway_service} of ${services_count}")
    assert named.params["note"] == "api-gateway of 4"
    own = context(variables={"gateway_service": "front"})
    assert (
        ask(Authority(1), own, note="${gateway_service} ${query_path}").params["note"]
        == "front /api/ai/query"
    )


def test_bug_in_an_observer_is_inconclusive(ask: Callable[..., Any]) -> None:
    """A bug never ends the launch and never passes."""
    result = ask(Authority(ZeroDivisionError("oops")))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.headline == "internal error in kind scripted: ZeroDivisionError: oops"


def test_password_never_survives(ask: Callable[..., Any]) -> None:
    """The password of a connection that was used appears nowhere in the result."""
    connection = ConnectionInfo("c", login="me", password="s3cret-word")
    ctx = context({"c": connection})
    failing = ask(Authority(RuntimeError("login s3cret-word")), ctx, conn_id="c")
    seen = ask(Authority("was s3cret-word"), ctx, conn_id="c", note="x s3cret-word")
    assert "s3cret-word" not in failing.model_dump_json() + seen.model_dump_json()


SAYS = st.sampled_from(
    [
        "@@", "could not log in with '@@'", "https://me:@@@host/x refused", '{"error": "@@"}', "a@@b@@c",
        "x" * 990 + "@@", "Authorization: Bearer @@", "['@@']", "PGPASSWORD=@@ psql",
    ]
)  # fmt: skip
SECRETS = st.text(alphabet="abcXYZ019!$%&/()=?'\"\\ äß€+-_.:;,#~{}[]", min_size=8, max_size=60)
ERRORS = st.sampled_from([ValueError, RuntimeError, KeyError, OSError, Inconclusive, Unreachable])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SECRETS, SAYS, ERRORS)
def test_text_of_an_exception_never_tells_a_secret(
    ask: Callable[..., Any], caplog: pytest.LogCaptureFixture, secret: str, says: str, sort: type[Exception]
) -> None:
    """Whatever an exception says of the connection's password, neither evidence nor log nor headline does."""
    caplog.clear()
    ctx = context({"db": ConnectionInfo("db", password=secret)})
    result = ask(Authority(sort(says.replace("@@", secret))), ctx, conn_id="db")
    assert result.verdict is Verdict.INCONCLUSIVE
    told = [canonical_json(result).decode(), result.headline, caplog.text]
    assert not any(form in said for said in told for form in (secret, repr(secret)[1:-1]))
    assert not any(result.headline.endswith(secret[:length]) for length in range(8, len(secret)))


def test_bug_is_in_the_log(ask: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    """The log says where a bug is, so that somebody can repair it."""
    ask(Authority(KeyError("field")))
    assert "internal error in kind scripted" in caplog.text
    assert "test_run.py" in caplog.text
    assert "KeyError: 'field'" in caplog.text


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [nested(900), 10**5000, {"a": "x" * 2_000_000}, list(range(200_000)), "\ud800", {"\ud800": float("nan")}],
    ids=["nested", "long number", "long text", "long list", "half a character", "no number"],
)
def test_any_observation_makes_a_result(ask: Callable[..., Any], value: Any) -> None:
    """What an authority answers can always be kept, in 16 KiB, and is never a pass by accident."""
    result = ask(Authority(value), expect={"value": "== wanted"})
    assert result.verdict is Verdict.FAILED
    assert len(canonical_json(result)) <= LIMIT_BYTES


def test_heavy_observation_is_read_off_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """To judge a megabyte, and to look for secrets in it, blocks nobody."""
    kind = Kind(
        name="scripted",
        params=AnswerParams,
        observe="a:b",
        criteria=lambda p: merged({"value": "matches x{40}y"}, p),
    )
    monkeypatch.setattr(running, "kind", lambda _name: kind)
    monkeypatch.setattr(running, "observer", lambda _kind: Authority("x" * 3_000_000).observe)

    async def longest() -> float:
        worst, over = 0.0, asyncio.Event()

        async def watch() -> None:
            nonlocal worst
            while not over.is_set():
                before = time.thread_time()
                await asyncio.sleep(0)
                worst = max(worst, time.thread_time() - before)

        watching = asyncio.ensure_future(watch())
        result = await check(context(), "scripted")
        over.set()
        await watching
        assert result.verdict is Verdict.FAILED
        return worst

    assert run(longest()) < 0.2


@pytest.mark.parametrize(
    ("kind", "params", "headline"),
    [
        ("prometheus_query", {"query": "up"}, "not connected: prometheus"),
        ("tcp_port", {"targets": ["${host}:1"]}, "variable 'host' is not set"),
        ("report", {"uri": "a", "format": "junit"}, "variable 'release_sha' is not set"),
        ("no_such_kind", {}, "there is no such kind"),
        ("tcp_port", {"targets": 5}, "kind tcp_port: targets"),
    ],
)
def test_what_cannot_be_asked_is_named(kind: str, params: dict[str, Any], headline: str) -> None:
    """A missing connection or variable, an unknown kind and wrong parameters become a question."""
    result = run(check(context(), kind, **params))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert headline in result.headline


def test_a_kind_without_an_observer_is_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package may name a kind before anybody can look; a person decides."""
    kind = Kind(name="later", params=AnswerParams, observe=None, criteria=lambda p: merged({}, p))
    monkeypatch.setattr(running, "kind", lambda _name: kind)
    result = run(check(context(), "later"))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.headline == "checks of kind 'later' cannot be run yet; a person decides"


def test_side_effects_need_permission() -> None:
    """Nothing with side effects runs where the environment does not allow them."""
    spec = CheckSpec.model_validate({"tcp_port": {"targets": ["localhost:1"]}})
    (result,) = run(run_checks([spec], context(), side_effects=["sends a request burst"]))
    assert (
        result.headline == "has side effects (sends a request burst); environment 'test' does not allow them"
    )
    assert (result.verdict, result.attempts) == (Verdict.INCONCLUSIVE, 0)


def test_command_runs_before_what_follows() -> None:
    """A command is a barrier for the checks listed after it."""
    specs = [CheckSpec.model_validate({kind: {}}) for kind in ("a1", "command", "b1", "c1")]
    assert [[s.kind for s in batch] for batch in running._batches(specs)] == [["a1", "command"], ["b1", "c1"]]


def test_duration_is_measured(ask: Callable[..., Any]) -> None:
    """A result says when it began and how long it took."""
    result = ask(Authority(1))
    assert timedelta(0) <= timedelta(milliseconds=result.duration_ms) < timedelta(seconds=20)
