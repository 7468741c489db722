"""Read settings from environment variables, or from the files that ``<NAME>_FILE`` variables name."""

from __future__ import annotations

import os
from pathlib import Path

from launch_pipeline.errors import ConfigurationError


def value_of(name: str, *, file_wins: bool = False) -> str:
    """Return the variable, or the content of the file that ``<name>_FILE`` names; empty if neither is set.

    If both are set, the variable wins unless ``file_wins``. Raises ConfigurationError for a file that cannot
    be read; the message never shows its content.
    """
    value, file = os.environ.get(name, ""), os.environ.get(f"{name}_FILE", "")
    return _content(name, file) if file and (file_wins or not value) else value


def _content(name: str, file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        problem = f"{name}_FILE names {file!r}, which cannot be read: {reason}."
        raise ConfigurationError("environment", "", problem, "name a readable file.") from None
