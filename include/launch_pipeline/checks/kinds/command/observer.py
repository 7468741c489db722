"""Observes ``command``: one program in its own process group, without a shell, with nothing left behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.clients.processes import Ended, Tail, environment, run
from launch_pipeline.checks.kinds.command import artifacts
from launch_pipeline.checks.kinds.command.checkout import Checkout, Proof
from launch_pipeline.checks.redaction import is_sensitive, redact
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.command.definition import CommandParams

_SHOWN = 4096
_RESERVE = 10.0
"""Seconds of the check's time-out reserved for stopping the program."""
_BY_SIGNAL = range(128 + 1, 128 + 65)


async def observe(params: CommandParams, ctx: CheckContext) -> Observation:
    """Run the program; raises Inconclusive if it cannot be started or does not end in time.

    Artifacts are copied whatever it returns: k6 returns 99 for a crossed threshold.
    """
    cwd = Path(params.cwd)
    env = environment(params.env)
    ctx.seen_secrets.update(value for name, value in env.items() if is_sensitive(name))
    checkout = Checkout(cwd, params.artifacts)
    proof = await asyncio.to_thread(checkout.before, params.argv)
    before = await asyncio.to_thread(artifacts.prepare, cwd, params.artifacts)
    whole = params.timeout.total_seconds()
    reserve = min(_RESERVE, whole / 4)
    seconds = whole - reserve
    ended = await run(params.argv, cwd, env, seconds, reserve / 2)
    proof = await asyncio.to_thread(checkout.after, proof)
    keeping = _keeping(params, ctx, proof if _finished(ended) else None)
    kept, missing = await asyncio.to_thread(_keep, params, before, keeping)
    tails = {"stdout_tail": _shown(ended.stdout, ctx), "stderr_tail": _shown(ended.stderr, ctx)}
    if ended.returncode is None:
        last = (tails["stderr_tail"] or tails["stdout_tail"]).strip().rpartition("\n")[2]
        message = f"{params.argv[0]} did not end within {seconds:g}s and was stopped; its last line: {last}"
        raise Inconclusive(message[:400])
    facts = {
        **_ended(ended),
        **tails,
        "artifacts": kept,
        "missing_artifacts": missing,
        "commit": proof.commit,
    }
    subject = Subject(
        name=params.argv[0], facts=facts, unknown={"commit": proof.reason} if proof.reason else {}
    )
    return Observation(subjects=(subject,), authority="this worker", summary=facts)


def _finished(ended: Ended) -> bool:
    """Return whether the program ended by itself; a shell returns 128 and the signal for another program."""
    return ended.returncode is not None and ended.returncode >= 0 and ended.returncode not in _BY_SIGNAL


def _keeping(params: CommandParams, ctx: CheckContext, proof: Proof | None) -> artifacts.Keeping:
    about = None
    if proof is not None:
        about = {
            "commit": proof.commit,
            "generated_at": ctx.clock().isoformat(),
            "made_by": params.argv[0],
            **({"unproven": proof.reason} if proof.reason else {}),
        }
    return artifacts.Keeping(artifacts.reports_folder(ctx.environment.variables.get("reports")), about)


def _keep(
    params: CommandParams, before: artifacts.Before, keeping: artifacts.Keeping
) -> tuple[list[dict[str, Any]], list[str]]:
    try:
        return artifacts.keep(Path(params.cwd), params.artifacts, before, keeping)
    except OSError as error:
        what = f"{error.strerror or error} ({error.filename})"
        message = f"the artifacts of {params.argv[0]} cannot be stored: {what}"
        raise Inconclusive(message[:300]) from error


def _ended(ended: Ended) -> dict[str, Any]:
    return {
        "returncode": ended.returncode,
        "duration_s": ended.duration_s,
        "stdout_bytes": ended.stdout.total,
        "stderr_bytes": ended.stderr.total,
    }


def _shown(tail: Tail, ctx: CheckContext) -> str:
    """Return the end of a stream, redacted before it is cut, or half of a secret would remain."""
    text = redact(tail.kept.decode("utf-8", "replace"), tuple(ctx.seen_secrets))
    return str(text)[-_SHOWN:]
