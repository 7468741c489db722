"""The stand-in's page in a real Chromium: what people see, tap and send."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.errors import AnswerRefused
from launch_pipeline.slack.messages.button_values import LaunchLocator
from launch_pipeline.slack.messages.cards import decision_card, launch_root, section_cards
from launch_pipeline.slack.messages.elements import APPROVE_MINE, RESUME, REVIEW
from launch_pipeline.slack.messages.hold_modal import CALLBACK as HOLD_CALLBACK
from launch_pipeline.slack.messages.hold_modal import hold_modal, read_hold
from launch_pipeline.slack.messages.review_modal import CALLBACK, read_review, review_errors, review_modal
from launch_pipeline.stack.ports import free_ports
from servers.axe import complaints
from servers.slack import CONTACTS, bolt, client, listening, slack
from servers.slack_samples import ADA, BUILD, CARLA, COVERAGE, asking, changed_go_no_go, held_launch, section

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Page

    from launch_pipeline.slack.messages.views import SectionView
    from launch_rehearsal.slack_server.server import SlackServer

ADA_ID = ADA.slack_id
INCLUDE = Path(__file__).resolve().parents[3] / "include"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
in_a_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here: install Debian's package 'chromium'"
)
pytestmark = pytest.mark.integration
DESK, PHONE = (1200, 900), (390, 844)


@asynccontextmanager
async def looking(
    standin: SlackServer, size: tuple[int, int], *, dark: bool = False, **query: str
) -> AsyncIterator[Page]:
    """Open a person's page, with every complaint of the browser collected as an error."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - only where a browser is

    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = await started.new_page(
            viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light"
        )
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        asked = "&".join(f"{name}={value}" for name, value in {"as": ADA_ID, **query}.items())
        await page.goto(f"{standin.url}/?{asked}")
        yield page
        assert not errors
        await started.close()


async def thread(standin: SlackServer, **fields: Any) -> tuple[str, str]:
    """Post a launch's thread with one card; return the ids of both."""
    api = client(standin)
    root = str((await api.chat_postMessage(channel="launch", text="Launch"))["ts"])
    card = section_cards(section(**fields))[0]
    posted = await api.chat_postMessage(channel="launch", thread_ts=root, **card.posted())
    return root, str(posted["ts"])


def gates(standin: SlackServer, answered: list[str], shown: SectionView | None = None) -> Any:
    """Build a small bridge: approves, opens the modal, refuses what has no reason, changes the card."""
    app = bolt(standin)

    @app.action(APPROVE_MINE)
    async def approve(ack: Any, body: dict[str, Any], client: Any) -> None:
        await ack()
        answered.append("approved")
        place = {"channel": body["channel"]["id"], "ts": body["container"]["message_ts"]}
        await client.chat_update(**place, text="All approved")

    @app.action(REVIEW)
    async def review(ack: Any, body: dict[str, Any], client: Any) -> None:
        await ack()
        place = body["channel"]["id"], body["container"]["message_ts"]
        view = review_modal(shown or section(), body["user"]["id"], *place)
        await client.views_open(trigger_id=body["trigger_id"], view=view.payload())

    @app.view(CALLBACK)
    async def submitted(ack: Any, view: dict[str, Any]) -> None:
        given = read_review(view).answers
        refused = {a.number: AnswerRefused("reason_missing", "Say why.") for a in given if not a.reason}
        answered.extend(f"{a.answer}: {a.reason}" for a in given if a.reason)
        await ack(**review_errors(refused) if refused else {})

    return app


@in_a_browser
@pytest.mark.browser
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_person_approves_and_rejects_in_the_browser(size: tuple[int, int]) -> None:
    """Card, question, modal, refusal below the input, a sent answer, and the card that changes by itself."""
    answered: list[str] = []

    async def inside() -> None:
        async with slack() as standin:
            root, _ = await thread(standin)
            async with (
                listening(standin, gates(standin, answered)),
                looking(standin, size, channel="C001LAUNCH", thread=root) as page,
            ):
                await page.get_by_role("button", name="Review…").click()
                answers = page.get_by_label("Your answer (optional)")
                await answers.nth(1).select_option("Reject")
                await page.get_by_role("button", name="Send").click()
                await page.get_by_text("Say why.").wait_for()
                await page.get_by_label("Reason (optional)").nth(1).fill("two files were never reviewed")
                await page.get_by_role("button", name="Send").click()
                await page.locator(".modal").wait_for(state="detached")
                await page.get_by_role("button", name="Approve all that are mine").click()
                await page.get_by_role("button", name="Approve", exact=True).click()
                await page.locator("#thread").get_by_text("All approved").wait_for()

    asyncio.run(inside())
    assert answered == ["Reject: two files were never reviewed", "approved"]


@in_a_browser
@pytest.mark.browser
def test_page_shows_each_person_his_own() -> None:
    """An ephemeral refusal is on one person's page only; what others wrote is text, not HTML."""

    async def inside() -> None:
        async with slack() as standin:
            nasty = '<img src=x onerror="document.title=1"> <!here> *x*'
            root, _ = await thread(standin, items=(asking(1, nasty),), section_title=nasty)
            await client(standin).chat_postEphemeral(
                channel="launch", user=ADA_ID, thread_ts=root, text="Not yours"
            )
            place = {"channel": "C001LAUNCH", "thread": root}
            async with looking(standin, DESK, **place) as page:
                await page.get_by_text("Only visible to you").wait_for()
                assert await page.locator(".message img").count() == 0
                assert await page.locator("#thread .mention.loud").count() == 0
                await page.locator("#who").select_option("U0LAUNCH02")
                await page.wait_for_url("**as=U0LAUNCH02**")
                assert await page.get_by_text("Only visible to you").count() == 0
                await page.locator("#say-thread input").fill("I am looking")
                await page.keyboard.press("Enter")
                await page.locator("#thread").get_by_text("I am looking").wait_for()
            said = standin.workspace.channel("launch").messages[-1]
            assert (said.user, said.thread_ts) == ("U0LAUNCH02", root)

    asyncio.run(inside())


FIVE = section(
    items=tuple(
        asking(
            number,
            f"Item {number}",
            results=(COVERAGE, BUILD),
            verdict=Verdict.FAILED,
            may_waive=(ADA, CARLA),
        )
        for number in range(1, 6)
    )
)


@in_a_browser
@pytest.mark.browser
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_a_long_form_is_filled_in_and_sent(size: tuple[int, int]) -> None:
    """Five items are more than a screen: the form scrolls under its foot, which a thumb always reaches."""
    answered: list[str] = []

    async def inside() -> None:
        async with slack() as standin:
            root, _ = await thread(standin, items=FIVE.items)
            async with (
                listening(standin, gates(standin, answered, FIVE)),
                looking(standin, size, channel="C001LAUNCH", thread=root) as page,
            ):
                await page.get_by_role("button", name="Review…").click()
                form = page.locator(".modal .content")
                await form.wait_for()
                assert await form.evaluate("box => box.scrollHeight > box.clientHeight")
                answers = page.get_by_label("Your answer (optional)")
                for number in range(5):
                    await answers.nth(number).select_option("Waive")
                    await page.get_by_label("Reason (optional)").nth(number).fill(f"reason {number}")
                send = page.get_by_role("button", name="Send")
                place = await send.bounding_box()
                assert place
                assert place["y"] + place["height"] <= size[1]
                await send.click()
                await page.locator(".modal").wait_for(state="detached")

    asyncio.run(inside())
    assert answered == [f"Waive: reason {number}" for number in range(5)]


@in_a_browser
@pytest.mark.browser
def test_the_form_needs_no_mouse() -> None:
    """It takes the focus, keeps it, leaves with Escape, and gives the focus back to its button."""

    async def inside() -> None:
        async with slack() as standin:
            root, _ = await thread(standin)
            async with (
                listening(standin, gates(standin, [])),
                looking(standin, DESK, channel="C001LAUNCH", thread=root) as page,
            ):
                review = page.locator("#thread").get_by_role("button", name="Review…")
                await review.focus()
                await page.keyboard.press("Enter")
                await page.get_by_role("dialog", name="Review").wait_for()
                await page.wait_for_function("document.activeElement.name === 'answer.0'")
                for _ in range(40):
                    await page.keyboard.press("Tab")
                    # Chromium's own toolbar takes a turn, and the page then has no focus but its body.
                    assert await page.evaluate("!document.activeElement.closest('main, header, nav')")
                await page.keyboard.press("Escape")
                await page.locator(".modal").wait_for(state="detached")
                await page.wait_for_function("document.activeElement.textContent === 'Review…'")
                await page.get_by_role("button", name="Approve all that are mine").click()
                await page.get_by_role("alertdialog").wait_for()
                await page.keyboard.press("Escape")
                await page.get_by_role("alertdialog").wait_for(state="detached")

    asyncio.run(inside())


@in_a_browser
@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing(size: tuple[int, int], dark: bool) -> None:
    """Landmarks, headings, labels and contrast, with the form open, and without."""

    async def inside() -> None:
        async with slack() as standin:
            root, _ = await thread(standin)
            await client(standin).chat_postEphemeral(
                channel="launch",
                user=ADA_ID,
                thread_ts=root,
                text=f"`code` for <@{ADA_ID}>, see <https://x.test>",
            )
            async with (
                listening(standin, gates(standin, [])),
                looking(standin, size, dark=dark, channel="C001LAUNCH", thread=root) as page,
            ):
                await page.get_by_text("Only visible to you").wait_for()
                assert not await complaints(page)
                await page.get_by_role("button", name="Review…").click()
                await page.get_by_role("dialog").wait_for()
                assert not await complaints(page)

    asyncio.run(inside())


@in_a_browser
@pytest.mark.browser
@pytest.mark.parametrize(("size", "dark"), [(DESK, False), (PHONE, True)])
def test_launch_on_hold_can_be_read_and_resumed(size: tuple[int, int], *, dark: bool) -> None:
    """The root on hold, the deciders' lists, and the form behind *Resume…*; every symbol is drawn."""
    reasons: list[str] = []

    async def inside() -> None:
        async with slack() as standin:
            api = client(standin)
            root = await api.chat_postMessage(channel="launch", **launch_root(held_launch()).posted())
            card = decision_card(changed_go_no_go())
            await api.chat_postMessage(channel="launch", thread_ts=root["ts"], **card.posted())
            async with (
                listening(standin, _holds(standin, reasons)),
                looking(standin, size, dark=dark, channel="C001LAUNCH", thread=str(root["ts"])) as page,
            ):
                await page.get_by_text("211 still true").last.wait_for()
                assert not await complaints(page)
                await page.locator("#thread").get_by_role("button", name="Resume…").click()
                await page.get_by_role("dialog").wait_for()
                assert not await complaints(page)
                await page.get_by_label("Reason").fill("the CDN is back")
                await page.get_by_role("button", name="Resume", exact=True).click()
                await page.locator(".modal").wait_for(state="detached")

    asyncio.run(inside())
    assert reasons == ["the CDN is back"]


def _holds(standin: SlackServer, reasons: list[str]) -> Any:
    """Build a small bridge: opens the form of a hold, and reads it."""
    app = bolt(standin)

    @app.action(RESUME)
    async def resume(ack: Any, body: dict[str, Any], client: Any) -> None:
        await ack()
        view = hold_modal(LaunchLocator.decode(body["actions"][0]["value"]))
        await client.views_open(trigger_id=body["trigger_id"], view=view.payload())

    @app.view(HOLD_CALLBACK)
    async def submitted(ack: Any, view: dict[str, Any]) -> None:
        reasons.append(read_hold(view).reason)
        await ack()

    return app


def test_it_runs_as_a_program() -> None:
    """``python -m`` serves page and API until it is told to stop."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "launch_rehearsal.slack_server", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--contacts", str(CONTACTS)], env={"PYTHONPATH": str(INCLUDE)}, stderr=subprocess.DEVNULL
    )

    async def page() -> str | None:
        try:
            async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/") as answer:
                return await answer.text()
        except aiohttp.ClientError:
            return None

    async def served() -> str:
        async with asyncio.timeout(30):
            while (text := await page()) is None:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)
            return text

    try:
        assert "Rehearsal Slack" in asyncio.run(served())
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
