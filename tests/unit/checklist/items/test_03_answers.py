"""Weeks 2-3: what the services answer, and what each item must make of it."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from launch_pipeline.checks.verdict import Verdict
from launch_rehearsal.product.delivery.reports import junit
from servers.checking import run
from servers.deployed_world import COMMIT, asked
from servers.one_answer import over_http

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers.one_answer import Answer, Asked

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
MAIL, PHONE = "canary.person@example.com", "+27 82 555 0100"


def tells(body: Any, status: int = 200) -> Answer:
    return lambda _: web.json_response(body, status=status)


# ---- images ------------------------------------------------------------------------------------------


def runs(*found: tuple[str, str]) -> dict[str, Any]:
    listed = [{"name": "build", "conclusion": end, "head_sha": sha} for end, sha in found]
    return {"total_count": len(listed), "check_runs": listed}


BUILDS: dict[str, tuple[dict[str, Any], Verdict]] = {
    "success": (runs(("success", COMMIT)), P),
    "one of two failed": (runs(("success", COMMIT), ("failure", COMMIT)), F),
    "skipped": (runs(("skipped", COMMIT)), F),
    "still running": ({"total_count": 1, "check_runs": [{"conclusion": None, "head_sha": COMMIT}]}, F),
    "of another commit": (runs(("success", "b" * 40)), F),
    "none": (runs(), F),
}


@pytest.mark.parametrize(("body", "verdict"), BUILDS.values(), ids=BUILDS.keys())
def test_images_built(body: dict[str, Any], verdict: Verdict) -> None:
    """The build of this commit ended with success, and no other of its name did not."""
    found = over_http("images_built", tells(body))
    assert found[0] is verdict, found


MANIFESTS: dict[str, tuple[tuple[str, ...], tuple[str, ...], Verdict]] = {
    "one each": (("api-gateway", "ai-routing", "constitutional-ai", "knowledge-ocean"), (), P),
    "with their namespace, and more": (tuple(f"azora/{n}" for n in range(20)), (), P),
    "one is invalid": (tuple("abcde"), ("a",), F),
    "the values file only": (("values",), (), F),
}


@pytest.mark.parametrize(("names", "bad", "verdict"), MANIFESTS.values(), ids=MANIFESTS.keys())
def test_manifests(tmp_path: Path, names: tuple[str, ...], bad: tuple[str, ...], verdict: Verdict) -> None:
    """As many manifests as there are services were rendered and found valid, however they are named."""
    folder, now = tmp_path / "build", datetime.now(UTC)
    folder.mkdir()
    (folder / "kubeconform.xml").write_bytes(junit("kubeconform", names, now, bad))
    meta = {"commit": COMMIT, "generated_at": now.isoformat()}
    (folder / "kubeconform.xml.meta.json").write_text(json.dumps(meta))
    found = run(asked("manifests_created", [], ["report"], reports=str(tmp_path)))
    assert found[0] is verdict, found


# ---- constitutional AI -------------------------------------------------------------------------------


def validation(**metadata: Any) -> Callable[[bool], web.Response]:
    def answer(valid: bool) -> web.Response:
        return web.json_response(
            {"validation": {"isValid": valid, "complianceScore": 90, "metadata": metadata}}
        )

    return answer


def filters(kept: str, *, plain_is_flagged: bool = False) -> Answer:
    """Answer as a privacy filter that leaves ``kept`` of the canary."""

    def answer(request: Asked) -> web.Response:
        personal = MAIL in request.body
        found = {
            "hasPII": personal or plain_is_flagged,
            "filteredOutput": kept if personal else request.json["content"],
        }
        return validation(privacyFilter=found)(True)

    return answer


PRIVACY: dict[str, tuple[Answer, Verdict]] = {
    "masked": (filters("Contact Jane at [e-mail] or [phone]."), P),
    "the name is masked too": (filters("Contact [name] at [e-mail] or [phone]."), P),
    "stars": (filters("Contact Jane at ****** or +27 82 ***."), P),
    "the number stays": (filters(f"Contact Jane at [e-mail] or {PHONE}."), F),
    "the number stays, written otherwise": (filters("Contact Jane at [e-mail] or +27 82 555-0100."), F),
    "the address stays": (filters(f"Contact Jane at {MAIL} or [phone]."), F),
    "nothing is left": (filters(""), F),
    "plain text is flagged": (filters("Contact Jane at [e-mail] or [phone].", plain_is_flagged=True), F),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "verdict"), PRIVACY.values(), ids=PRIVACY.keys())
def test_privacy_filter(answer: Answer, verdict: Verdict) -> None:
    """Address and number are gone, the rest is there, and plain text has none."""
    found = over_http("privacy_filter", answer)
    assert found[0] is verdict, found


def detects(*found: str) -> Answer:
    """Answer as a detector that flags every text with one of these words."""

    def answer(request: Asked) -> web.Response:
        return validation(biasDetection={"hasBias": any(one in request.json["content"] for one in found)})(
            True
        )

    return answer


BIAS: dict[str, tuple[Answer, Verdict]] = {
    "judging words": (detects("emotional"), P),
    "nothing": (detects(), F),
    "everything": (detects(""), F),
    "every mention of the group": (detects("Women"), F),
}


@pytest.mark.parametrize(("answer", "verdict"), BIAS.values(), ids=BIAS.keys())
def test_bias_detector(answer: Answer, verdict: Verdict) -> None:
    """A list of groups is no detector of bias."""
    found = over_http("bias_detector", answer)
    assert found[0] is verdict, found


def harms(*, plain_is_refused: bool = False, harm_passes: bool = False) -> Answer:
    def answer(request: Asked) -> web.Response:
        harmful = (request.json["content"] == "harm" and not harm_passes) or plain_is_refused
        return validation(harmPrevention={"isHarmful": harmful})(not harmful)

    return answer


HARM: dict[str, tuple[Answer, Verdict]] = {
    "refused, and plain text is not": (harms(), P),
    "let through": (harms(harm_passes=True), F),
    "everything is refused": (harms(plain_is_refused=True), F),
}


@pytest.mark.parametrize(("answer", "verdict"), HARM.values(), ids=HARM.keys())
def test_harm_prevention(answer: Answer, verdict: Verdict) -> None:
    """A filter that refuses everything prevents nothing but use."""
    found = over_http("harm_prevention", answer)
    assert found[0] is verdict, found


ALL_FOUR: dict[str, Any] = {
    "ubuntuValidation": {"score": 90}, "biasDetection": {"hasBias": False}, "privacyFilter": {"hasPII": False},
    "harmPrevention": {"isHarmful": False},
}  # fmt: skip
FOUR: dict[str, tuple[dict[str, Any], Verdict]] = {
    "all four": (ALL_FOUR, P),
    "and more": ({**ALL_FOUR, "timestamp": 1}, P),
    "a time in place of one": ({**ALL_FOUR, "biasDetection": None, "timestamp": 1}, F),
    "one without its result": ({**ALL_FOUR, "harmPrevention": {}}, F),
    "one is left out, others came": ({**{k: v for k, v in ALL_FOUR.items() if k != "privacyFilter"}, "a": {}, "b": {}}, F),
}  # fmt: skip


@pytest.mark.parametrize(("metadata", "verdict"), FOUR.values(), ids=FOUR.keys())
def test_orchestrator(metadata: dict[str, Any], verdict: Verdict) -> None:
    """Four entries are not four validators."""
    found = over_http("constitutional_orchestrator", lambda _: validation(**metadata)(True))
    assert found[0] is verdict, found


# ---- knowledge ocean ---------------------------------------------------------------------------------


def ranked(*scores: float, first: str = "canary") -> dict[str, Any]:
    documents = [{"id": first if n == 0 else f"d{n}", "score": score} for n, score in enumerate(scores)]
    return {"documents": documents, "internalCount": 7, "externalCount": 3}


RANKS: dict[str, tuple[dict[str, Any], Verdict]] = {
    "falling": (ranked(0.9, 0.8, 0.8, 0.1), P),
    "rising": (ranked(0.1, 0.9), F),
    "one document": (ranked(0.9), F),
    "all alike": (ranked(0.9, 0.9, 0.9), F),
    "another is first": (ranked(0.9, 0.1, first="x"), F),
    "none": (ranked(), F),
}


@pytest.mark.parametrize(("body", "verdict"), RANKS.values(), ids=RANKS.keys())
def test_context_ranker(body: dict[str, Any], verdict: Verdict) -> None:
    """What one document, or equal scores, would say of an order is nothing."""
    found = over_http("context_ranker", tells(body))
    assert found[0] is verdict or (verdict is F and found[0] is Q), found


@pytest.mark.parametrize(
    ("vector", "verdict"),
    [
        ([0.1, -0.1] * 768, P),
        ([0.0] * 1535 + [1], P),
        ([0] * 1536, F),
        ([0.1] * 1536, F),
        ([0.1, -0.1] * 384, F),
    ],
)
def test_embeddings(vector: list[float], verdict: Verdict) -> None:
    """A vector of one value only, zero or another, is no embedding."""
    found = over_http("embeddings", tells({"embedding": vector}))
    assert found[0] is verdict, found


def test_embeddings_of_another_index() -> None:
    """The dimension is the product's."""
    found = over_http("embeddings", tells({"embedding": [0.1, -0.1] * 384}), embedding_dimensions=768)
    assert found[0] is P, found


@pytest.mark.parametrize(("phrase", "verdict"), [("I am", P), ("we are", F), ("Ubuntu philosophy", F)])
def test_context_injector(phrase: str, verdict: Verdict) -> None:
    """A phrase that the question has itself does not show that a passage was injected."""
    body = {"prompt": "I am because. Question: What is Ubuntu philosophy?", "tokenCount": 8}
    found = over_http("context_injector", tells(body), retrieval_canary_phrase=phrase)
    assert found[0] is verdict, found


@pytest.mark.parametrize(("many", "verdict"), [(10, P), (2, F)])
def test_seventy_thirty(many: int, verdict: Verdict) -> None:
    """Counts without their documents are a claim."""
    found = over_http("seventy_thirty_rule", tells(ranked(*[0.5] * many)))
    assert found[0] is verdict, found


def remembers(request: Asked) -> web.Response:
    """Answer known queries from a cache, and no other."""
    known = {"Compare two learning paths for a new teacher and recommend one.": "RAP_SYSTEM",
             "What is Ubuntu philosophy?": "LOCAL_LLM"}  # fmt: skip
    tier = known.get(str(request.json.get("query")))
    if tier is None:
        return web.json_response({"error": "the tier is down"}, status=502)
    return web.json_response({"routingTier": tier, "content": "x", "metadata": {"internalSourcesCount": 3}})


@pytest.mark.parametrize("item", ["rap_integration", "hierarchical_router"])
def test_cache_is_no_tier(item: str) -> None:
    """An answer that a cache remembers does not show that anything works."""
    assert over_http(item, remembers)[0] is F


@pytest.mark.parametrize("item", ["rap_integration", "hierarchical_router"])
@pytest.mark.parametrize(("cached", "verdict"), [(False, P), (None, P), (True, F)])
def test_cache_of_similar_queries_is_no_tier(item: str, cached: bool | None, verdict: Verdict) -> None:
    """An answer to a similar query, nonce or not, shows no tier; the field may be left out where it is no."""
    said = {} if cached is None else {"cached": cached}
    body = {"routingTier": "RAP_SYSTEM", "content": "x", "metadata": {"internalSourcesCount": 3}, **said}
    found = over_http(item, tells(body))
    assert found[0] is verdict, found
