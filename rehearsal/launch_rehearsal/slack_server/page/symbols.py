"""Draw the symbols of messages, so that a machine without an emoji font shows them as Slack does."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_RED, _GREEN, _BLUE, _AMBER, _INK = "#dd2e44", "#3e9b4f", "#3b88c3", "#ffb02e", "#414042"


def _disc(colour: str) -> str:
    return f'<circle cx="8" cy="8" r="6.5" fill="{colour}"/>'


def _square(colour: str, inside: str = "") -> str:
    return f'<rect x="1" y="1" width="14" height="14" rx="2.5" fill="{colour}"/>{inside}'


def _line(path: str, colour: str, width: float = 2) -> str:
    ends = 'stroke-linecap="round" stroke-linejoin="round"'
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}" {ends}/>'


def _fill(path: str, colour: str) -> str:
    return f'<path d="{path}" fill="{colour}"/>'


def _clock(hand: str, colour: str = _INK) -> str:
    face = f'<circle cx="8" cy="8.5" r="6" fill="#fff" stroke="{colour}" stroke-width="1.6"/>'
    return face + _line(f"M8 8.5V4.8M8 8.5{hand}", _INK, 1.3)


_HAND = (
    "M3.2 9.5V5.2a1 1 0 0 1 2 0V3a1 1 0 0 1 2 0V2.2a1 1 0 0 1 2 0V3.4a1 1 0 0 1 2 0V8l1-1a1 1 0 0 1 1.5 1.4"
)
_EMPTY = (
    '<rect x="1.5" y="1.5" width="13" height="13" rx="2" fill="#fff" stroke="#b8b8b8" stroke-width="1.4"/>'
)

DRAWINGS = {
    "✅": _square(_GREEN, _line("M4 8.4l2.8 2.8L12 5.4", "#fff")),
    "🔴": _disc(_RED),
    "🟢": _disc(_GREEN),
    "⚪": '<circle cx="8" cy="8" r="5.8" fill="#f4f4f4" stroke="#a8a8a8" stroke-width="1.4"/>',
    "❓": _line("M5 5.2a3 3 0 1 1 4.4 2.6C8.4 8.4 8 9 8 10.2M8 13.2v.1", _RED, 2.2),
    "❌": _line("M3.2 3.2l9.6 9.6M12.8 3.2l-9.6 9.6", _RED, 2.6),
    "🚫": f'<circle cx="8" cy="8" r="6" fill="none" stroke="{_RED}" stroke-width="2"/>'
    + _line("M4 4l8 8", _RED),
    "✋": _fill(f"{_HAND}L11.4 13a3 3 0 0 1-2.4 2H6.6a3.2 3.2 0 0 1-3.4-3z", _AMBER),
    "👉": _fill(
        "M1.5 5h4V4a1 1 0 0 1 1-1h1.6v2H14a1.2 1.2 0 0 1 0 2.4H9.5v4.1a1.5 1.5 0 0 1-1.5 1.5H1.5z", _AMBER
    ),
    "📝": '<rect x="2.5" y="1.5" width="11" height="13" rx="1" fill="#fff" stroke="#8a8a8a"/>'
    + _line("M5 5h6M5 8h6M5 11h3.5", _BLUE, 1.2),
    "📄": '<path d="M3 1.5h6.5L13 5v9.5H3z" fill="#fff" stroke="#8a8a8a"/>'
    + _line("M9.5 1.5V5H13", "#8a8a8a", 1)
    + _line("M5.5 8h5M5.5 11h5", "#8a8a8a", 1.2),
    "⏳": _fill("M4 2h8v2L9 8l3 4v2H4v-2l3-4-3-4z", _AMBER) + _line("M3.5 1.6h9M3.5 14.4h9", _INK, 1.5),
    "▫": '<rect x="5" y="5" width="6" height="6" rx="1" fill="#fff" stroke="#a8a8a8" stroke-width="1.2"/>',
    "⏭": _square(
        _BLUE, _fill("M3.4 4.6L7.2 8l-3.8 3.4zM7.4 4.6L11.2 8l-3.8 3.4zM11.4 4.6h1.4v6.8h-1.4z", "#fff")
    ),
    "⏹": _square(_BLUE, '<rect x="5" y="5" width="6" height="6" fill="#fff"/>'),
    "⏸": _square(_BLUE, _fill("M4.8 4.4h2.2v7.2H4.8zM9 4.4h2.2v7.2H9z", "#fff")),
    "▶": _square(_BLUE, _fill("M5.2 4l6.4 4-6.4 4z", "#fff")),
    "🔁": _square(
        _BLUE,
        _line("M4 7.4V6.6a1.4 1.4 0 0 1 1.4-1.4h5.4M12 8.6v.8a1.4 1.4 0 0 1-1.4 1.4H5.2", "#fff", 1.4)
        + _fill("M9.8 2.9l2.8 2.3-2.8 2.3zM6.2 8.5l-2.8 2.3 2.8 2.3z", "#fff"),
    ),
    "🔻": _fill("M1.6 3.4h12.8L8 14z", _RED),
    "🟠": _disc("#f4900c"),
    "🔎": '<circle cx="6.6" cy="6.6" r="4.4" fill="#d9ecf9" stroke="#66757f" stroke-width="1.8"/>'
    + _line("M10 10l4 4", "#66757f", 2.4),
    "🎯": _disc(_RED)
    + '<circle cx="8" cy="8" r="4.2" fill="#fff"/><circle cx="8" cy="8" r="2.1" fill="#dd2e44"/>',
    "↩": _square(_BLUE, _line("M11.5 11V9a2 2 0 0 0-2-2H4.5M6.8 4.6L4.4 7l2.4 2.4", "#fff", 1.6)),
    "⚠": _fill("M8 1.5L15.2 14H.8z", _AMBER) + _line("M8 6v3.6M8 12v.1", _INK, 1.6),
    "🚀": _fill("M8 .8c2.6 2 3.4 5 2.8 8.4H5.2C4.6 5.8 5.4 2.8 8 .8z", "#c9ccd1")
    + '<circle cx="8" cy="5.4" r="1.5" fill="#3b88c3"/>'
    + _fill("M5.2 7.4L2.6 11v2l2.8-1.8zM10.8 7.4l2.6 3.6v2l-2.8-1.8z", _RED)
    + _fill("M6.3 10.2h3.4L8 15.4z", _AMBER),
    "🏁": _line("M3 1.5v13", _INK, 1.4)
    + _fill("M3.7 2h9v6.5h-9z", "#e8e8e8")
    + _fill("M3.7 2h3v2.2h-3zM9.7 2h3v2.2h-3zM6.7 4.2h3v2.2h-3zM3.7 6.4h3v2.1h-3zM9.7 6.4h3v2.1h-3z", _INK),
    "🟩": _square(_GREEN),
    "🟥": _square(_RED),
    "⬜": _EMPTY,
    "🕓": _clock("l2.6 1.6"),
    "🕐": _clock("l1.6-2.4"),
    "⏰": _clock("l2.6 1.6", _RED) + _line("M2 3.5L4 1.7M14 3.5L12 1.7", _RED, 1.6),
}
_FOUND = re.compile(f"({'|'.join(DRAWINGS)})\ufe0f?")


def drawn(text: str) -> Markup:
    """Replace the symbols in a text by drawings; text that is no HTML is escaped first."""
    return Markup(_FOUND.sub(_svg, escape(text)))  # noqa: S704 - escaped, and drawings of our own


def _svg(symbol: re.Match[str]) -> str:
    drawing = DRAWINGS[symbol[1]]
    return f'<svg class="emoji" viewBox="0 0 16 16" role="img" aria-label="{symbol[1]}">{drawing}</svg>'
