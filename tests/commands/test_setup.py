"""The set-up of the commands: what is wrong with the configuration and its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.cli import run
from tests.support.programs import (
    write_config,
)

USER = "40863af8-db4a-41c6-a269-eb5bc386d97f"


def test_every_fault_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two unreadable files and an empty CA file of three accounts are three lines, each with its place."""
    empty = tmp_path / "ca"
    empty.touch()
    account = {"base_url": "https://127.0.0.1:9", "user_id": USER, "discovery": {}}
    config = write_config(
        tmp_path / "c",
        {**account, "name": "a", "token_file": "/nowhere"},
        {**account, "name": "b", "token_file": str(tmp_path)},
        {**account, "name": "c", "token": "x", "ca_file": str(empty)},
    )
    assert run(["serve", "--config", str(config)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "yunfu-exporter: accounts[0].token_file: cannot read token file /nowhere: No such file or directory",
        f"yunfu-exporter: accounts[1].token_file: cannot read token file {tmp_path}: Is a directory",
        "yunfu-exporter: accounts[2].ca_file: cannot be used: no certificate in it; expected a file of PEM certificates",
    ]
