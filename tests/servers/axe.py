"""What axe-core finds wrong on a page that Chromium shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from axe_playwright_python.base import AXE_SCRIPT

if TYPE_CHECKING:
    from playwright.async_api import Page

ORDINARY = {
    "type": "tag",
    "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}


async def complaints(page: Page, *rules: str) -> list[str]:
    """Give a line for each element that breaks a rule: of those named, else of all ordinary ones.

    An element whose contrast axe cannot measure is none; there is no picture behind any text of ours.
    """
    options: dict[str, Any] = {
        "runOnly": {"type": "rule", "values": list(rules)} if rules else ORDINARY,
        "resultTypes": ["violations"],
    }
    await page.evaluate(AXE_SCRIPT)
    found = await page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{broken['id']}: {node['html'][:120]}: {node['failureSummary']}"
        for broken in found["violations"]
        for node in broken["nodes"]
    ]
