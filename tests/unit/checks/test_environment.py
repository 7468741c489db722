"""Environments from YAML, and connections that do not show their secrets."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checks.context import ConnectionInfo, load_environment
from launch_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def test_environment_is_read(tmp_path: Path) -> None:
    """Durations and variables are read; what is not written is off."""
    file = tmp_path / "x.yaml"
    file.write_text("name: x\nhour: 60s\nvariables: {domain: example.org}\n")
    environment = load_environment(file)
    assert environment.hour == timedelta(minutes=1)
    assert not environment.allow_side_effects


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nam: x", ["name"]),
        ("name: x\nallow_commnads: true", ["allow_commnads", "allow_commands"]),
        ("name: x\nhour: soon", ["hour", "soon"]),
        ("name: x\nhour: 0", ["hour"]),
        ("name: x\nvariables: {a-b: 1}", ["a-b"]),
        ("- a", ["list"]),
        ("name: [", ["line"]),
    ],
)
def test_mistake_is_explained(tmp_path: Path, text: str, words: list[str]) -> None:
    """The error names the file, the key, the value and the fix."""
    file = tmp_path / "broken.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as error:
        load_environment(file)
    assert all(word in str(error.value) for word in ["broken.yaml", "Fix:", *words])


def test_missing_file_is_explained(tmp_path: Path) -> None:
    """A file that is not there is a configuration error."""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_environment(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        (ConnectionInfo("a", "http", "h", 8080), "http://h:8080"),
        (ConnectionInfo("a", "http", "h", schema="https"), "https://h"),
        (ConnectionInfo("a", "http", "https://u:p@h/base/"), "https://h/base"),
        (ConnectionInfo("a", "generic", "h", 443), "https://h:443"),
        (ConnectionInfo("a", "http", "[::1]", 81), "http://[::1]:81"),
    ],
    ids=str,
)
def test_base_url(connection: ConnectionInfo, url: str) -> None:
    """A connection is a URL without credentials."""
    assert connection.base_url == url


def test_connection_hides_its_secrets() -> None:
    """Printing a connection shows neither password nor extras, which count as secrets."""
    extra = {"headers": {"Authorization": "Token secret-one"}, "region": "eu"}
    connection = ConnectionInfo("a", password="secret-two", extra=extra)
    assert "secret" not in repr(connection)
    assert {"secret-one", "secret-two"} <= set(connection.secrets())
    assert "eu" not in set(connection.secrets())
