"""How a command finds Airflow and the ledger where secrets are files, as in a container."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch_pipeline.errors import OperationError
from launch_pipeline.stack.target import Target, secret
from servers.scripted_http import ScriptedHttp

if TYPE_CHECKING:
    from pathlib import Path


def test_secret_may_be_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable wins; the file's blanks and line ends do not count."""
    file = tmp_path / "ledger"
    file.write_text("postgresql://in-a-file\n")
    monkeypatch.delenv("LAUNCH_LEDGER", raising=False)
    monkeypatch.setenv("LAUNCH_LEDGER_FILE", str(file))
    assert Target(home=tmp_path).find_ledger() == "postgresql://in-a-file"
    monkeypatch.setenv("LAUNCH_LEDGER", "postgresql://in-a-variable")
    assert secret("LAUNCH_LEDGER") == "postgresql://in-a-variable"


def test_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that was not handed over is no empty secret."""
    monkeypatch.delenv("LAUNCH_LEDGER", raising=False)
    monkeypatch.setenv("LAUNCH_LEDGER_FILE", str(tmp_path / "nothing"))
    with pytest.raises(OperationError, match="LAUNCH_LEDGER_FILE names"):
        secret("LAUNCH_LEDGER")


def test_password_in_a_file_signs_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor of a deployment signs in with a secret that was mounted as a file."""
    file = tmp_path / "admin_password"
    file.write_text("from a file")
    monkeypatch.delenv("LAUNCH_AIRFLOW_PASSWORD", raising=False)
    monkeypatch.setenv("LAUNCH_AIRFLOW_PASSWORD_FILE", str(file))
    with ScriptedHttp() as server:
        server.reply("POST", "/auth/token", {"access_token": "t"})
        server.reply("GET", "/auth/fab/v1/users", {"users": [{"username": "ada"}], "total_entries": 1})
        api = Target(url=server.url, user="admin").api()
        assert api.accounts() == [{"username": "ada"}]
        assert server.seen("POST", "/auth/token")[0]["body"]["password"] == "from a file"
        refused = api.told("GET", "/launch/board")
        assert (refused.status, "nothing at" in refused.body["detail"]) == (404, True)
