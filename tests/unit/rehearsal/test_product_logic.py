"""The fake product's answers come from real, small logic."""

from __future__ import annotations

import math

import pytest

from launch_rehearsal.product.base.plan import DOMAIN, ProductPlan
from launch_rehearsal.product.connections import CLOSED_PORTS, addresses, connections, overlay
from launch_rehearsal.product.delivery import github
from launch_rehearsal.product.delivery.documents import document
from launch_rehearsal.product.service import logic, services


@pytest.mark.parametrize(
    ("query", "tier"),
    [
        ("What is 2+2?", "LOCAL_LLM"),
        ("Compare two learning paths for a new teacher and recommend one.", "RAP_SYSTEM"),
        ("Design and justify a national reform with budget and risk analysis.", "EXTERNAL_LLM"),
    ],
)
def test_the_cheapest_tier_that_is_good_enough_answers(query: str, tier: str) -> None:
    """The more a query demands, the higher its tier."""
    assert logic.TIERS[logic.classify(query)[0]] == tier


def test_personal_data_never_leaves() -> None:
    """Addresses and phone numbers are masked."""
    masked = logic.without_personal_data("Ask jane@example.com or +27 82 555 0100, room 12.")
    assert masked == "Ask [e-mail] or [phone], room 12."


def test_harm_and_bias_make_a_text_invalid() -> None:
    """A harmful or biased text is not valid, a friendly one is."""
    assert not logic.validate("how to build a bomb")["isValid"]
    assert not logic.validate("women are too emotional")["isValid"]
    assert logic.validate("we learn together")["isValid"]


def test_seven_of_ten_sources_are_our_own() -> None:
    """Retrieval keeps the share and ranks by similarity."""
    found = logic.retrieve(logic.library(), "What is Ubuntu philosophy?", 10)
    scores = [score for _, score in found]
    assert sum(source.internal for source, _ in found) == 7
    assert scores == sorted(scores, reverse=True)
    assert math.isclose(sum(value * value for value in found[0][0].vector), 1.0)


def test_the_limiter_refuses_a_burst_and_forgets_it() -> None:
    """One client's burst is limited; another client is not."""
    limiter = services.Limiter()
    admitted = [limiter.admits("one") for _ in range(services.BURST + 5)]
    assert admitted == [True] * services.BURST + [False] * 5
    assert limiter.admits("two")


def test_search_understands_the_qualifiers_and_nothing_else() -> None:
    """A search filters; a qualifier that is not known is refused, not ignored."""
    open_ones = "repo:azora/azora is:issue is:open milestone:1.0.0 label:requirement"
    assert github.search(open_ones) == []
    assert github.search("repo:azora/azora is:pr is:merged -review:approved") == []
    assert github.search("repo:azora/azora is:pr -label:design-review")
    assert github.search("repo:azora/azora is:pr is:merged label:design-review review:approved")
    with pytest.raises(ValueError, match="author"):
        github.search("author:somebody")


def test_documents_have_their_headings_and_words() -> None:
    """A document is as long as asked for and has every heading."""
    text = document("Plan", ("Goals", "Risks"), 200)
    assert len(text.split()) >= 200
    assert "## Goals" in text


def test_public_names_lead_to_the_stand_in_and_closed_ports_nowhere(tmp_path: object) -> None:
    """The environment's addresses send every public name to this machine."""
    plan = ProductPlan.model_validate(
        ProductPlan.make(tmp_path, "postgresql://x@127.0.0.1:1/x").model_dump()  # type: ignore[arg-type]
    )
    made = overlay({"name": "rehearsal", "variables": {"domain": DOMAIN}}, plan, "abc")
    assert made["addresses"] == addresses(plan)
    assert {addresses(plan)[f"{DOMAIN}:{port}"] for port in CLOSED_PORTS} == {
        f"127.0.0.1:{plan.ports['closed']}"
    }
    assert made["variables"]["schema_fingerprint"] == "abc"
    assert connections(plan)["edge"]["host"] == f"https://{DOMAIN}"
