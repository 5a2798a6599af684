"""What is quick or early: the version, and signals before the event loop handles them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from exporter import __version__
from tests.support.programs import running, surroundings
from tests.support.tools import ROOT


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_while_the_configuration_is_read(number: signal.Signals, tmp_path: Path) -> None:
    """Before there is anything to stop, SIGHUP does nothing, and SIGTERM and SIGINT end it with status 0, silently."""
    config = tmp_path / "config.yaml"
    os.mkfifo(config)
    with running(tmp_path, "serve", "--config", str(config)) as program:
        with config.open("w"):  # once it reads, and as long as it waits for the end of the file
            program.process.send_signal(signal.SIGHUP)
            assert program.stop(number) == 0
        assert program.logs == ""


IMPORT_INTERRUPTED = """
import os, sys, types
class Interrupted(types.ModuleType):
    def __getattr__(self, name):
        os.kill(os.getpid(), int(os.environ["SIGNAL"]))
        raise AttributeError(name)
sys.modules["exporter.cli"] = Interrupted("exporter.cli")
from exporter.__main__ import main
main()
"""
"""Runs the words that follow, and gets a signal while it imports what does the work."""


@pytest.mark.parametrize(
    ("words", "number", "status"),
    [
        ((), signal.SIGTERM, 0),
        (("--log.level=debug",), signal.SIGTERM, 0),
        (("serve",), signal.SIGTERM, 0),
        (("serve",), signal.SIGINT, 0),
        (("once",), signal.SIGTERM, 128 + signal.SIGTERM),
    ],
)
def test_signals_while_it_is_imported(words: Sequence[str], number: signal.Signals, status: int) -> None:
    """It ends at once and silently: well if it would serve, and not as if it had done its work if it would not."""
    command, env = (sys.executable, "-c", IMPORT_INTERRUPTED, *words), surroundings({"SIGNAL": str(int(number))})
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")


def test_the_version_is_quick() -> None:
    """--version answers in one line, without importing anything heavy."""
    command = (sys.executable, "-X", "importtime", "-m", "exporter", "--version")
    done = subprocess.run(command, cwd=ROOT, env=surroundings(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"yunfu-exporter {__version__} (unknown)\n")
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "exporter" in imported
    assert not imported & {"aiohttp", "asyncio", "pydantic", "pydantic_settings", "prometheus_client", "yaml"}
