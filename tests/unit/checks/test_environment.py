"""Environments from YAML, and connections that do not show their secrets."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checklist.files import read_yaml
from launch_pipeline.checks.engine import environment as environments
from launch_pipeline.checks.engine.context import ConnectionInfo, load_environment
from launch_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def test_environment_is_read(tmp_path: Path) -> None:
    """Durations and variables are read; what is not written is off."""
    file = tmp_path / "x.yaml"
    file.write_text("name: x\nrehearsal: true\nhour: 60s\nvariables: {domain: example.org}\n")
    environment = load_environment(file)
    assert environment.hour == timedelta(minutes=1)
    assert not environment.allow_side_effects


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nam: x", ["name"]),
        ("name: x\nallow_commnads: true", ["allow_commnads", "allow_commands"]),
        ("name: x\nhour: soon", ["hour", "soon"]),
        ("name: x\nrehearsal: true\nhour: 0", ["hour"]),
        ("name: x\nhour: 75ms", ["hour", "only a rehearsal", "rehearsal: true"]),
        ("hour: 59m\nname: x\nrehearsal: false", ["hour", "only a rehearsal"]),
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
    with pytest.raises(ConfigurationError, match="does not exist"):
        load_environment(tmp_path / "none.yaml")


def test_environment_is_read_again_only_when_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every check asks for its environment; YAML is read once for each state of the file."""
    file, read = tmp_path / "x.yaml", []

    def counted(path: Path) -> dict[str, Any]:
        read.append(path)
        return read_yaml(path)

    monkeypatch.setattr(environments, "read_yaml", counted)
    file.write_text("name: one\n")
    assert [load_environment(file).name for _ in range(5)] == ["one"] * 5
    stamp = file.stat().st_mtime_ns
    file.write_text("name: two!\n")
    os.utime(file, ns=(stamp, stamp))
    assert [load_environment(file).name for _ in range(5)] == ["two!"] * 5
    assert len(read) == 2


def test_environment_is_read_as_strictly_as_a_checklist(tmp_path: Path) -> None:
    """One reader for both: a key given twice and an alias are mistakes, a date is the text as written."""
    file = tmp_path / "x.yaml"
    for text in ("name: x\nname: y\n", "name: &a x\nvariables: {b: *a}\n"):
        file.write_text(text)
        with pytest.raises(ConfigurationError, match=r"x\.yaml: line 2"):
            load_environment(file)
    file.write_text("name: x\nvariables: {launch_date: 2026-05-01}\n")
    assert load_environment(file).variables == {"launch_date": "2026-05-01"}


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
