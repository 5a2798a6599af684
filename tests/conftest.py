"""Fixtures of all tests: logging as it was, and a simulated platform."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from exporter.cli import run
from exporter.demo.simulator import SimulatorOptions
from tests.support.commands import Command, Done
from tests.support.programs import Platform, simulated

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")  # how fast a busy machine is says nothing about the code


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Undo what a command under test does to logging, so that the order of the tests does not matter."""
    root, ours = logging.getLogger(), logging.getLogger("exporter")
    before = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


@pytest.fixture(scope="module")
def served() -> Iterator[Platform]:
    """Serve a platform with five tasks, for the whole module."""
    with simulated(SimulatorOptions(tasks=5, speed=1)) as platform:
        yield platform


@pytest.fixture
def platform(served: Platform) -> Iterator[Platform]:
    """Give the platform, without the faults of the test before."""
    yield served
    served.simulator.faults.clear()


@pytest.fixture
def env(platform: Platform) -> dict[str, str]:
    """Give the environment of the single account, with a quota that no command has to wait for."""
    account = platform.simulator.accounts[0]
    given = {"base_url": platform.url, "user_id": account.user_id, "token": account.token, "rate_limit": 100}
    return {"YUNFU_ACCOUNTS": json.dumps([{"name": "default", "discovery": {}, **given}])}


@pytest.fixture
def command(env: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run commands in this process, which is quicker."""

    def run_here(*words: str, **more: str) -> Done:
        for name, value in (env | more).items():
            monkeypatch.setenv(name, value)
        return Done(run(words), *capsys.readouterr())

    return run_here
