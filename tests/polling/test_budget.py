"""The lines of ``check`` on an account's API calls, word for word, and the warnings about risky settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from exporter.config.settings import AccountSettings, Settings
from exporter.demo.simulator import SimulatorOptions
from exporter.polling.budget import budget_lines, warnings
from tests.support.programs import answers, eventually, free_port, run_program, running, simulated, write_config

SUFFICES = "the limit is enough for {} running tasks at poll.interval {}"
ADVICE = "Raise rate_limit if the platform allows it, or poll.interval, or poll fewer tasks"


def task_ids(count: int) -> list[dict[str, str]]:
    """Return so many configured tasks."""
    return [{"id": f"61551b2c-e3f3-4707-b4ed-{number:012}"} for number in range(count)]


def lines(account: Mapping[str, Any], *, listed: int | None = None, **more: Any) -> list[str]:
    """Return the lines for an account and, beside it, more settings."""
    given = {"name": "main", "base_url": "http://h", "user_id": "40863af8-db4a-41c6-a269-eb5bc386d97f", "token": "t"}
    settings = Settings.model_validate({"accounts": [given | dict(account)], **more})
    return budget_lines(settings, settings.accounts[0], listed)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"account": {"tasks": task_ids(1)}},
            ["account main: 1 task; if all run, they need 1 of 300 calls a minute (0%)"],
        ),
        (
            {"account": {"tasks": task_ids(30), "rate_limit": 1}, "windows": ["today"]},
            [
                "account main: 30 tasks; if all run, they need 60 of 60 calls a minute (100%)",
                "  warning: close to the limit: " + SUFFICES.format(30, "1m"),
            ],
        ),
        (
            {"account": {"tasks": task_ids(49), "rate_limit": 1}},
            [
                "account main: 49 tasks; if all run, they need 49 of 60 calls a minute (82%)",
                "  warning: close to the limit: " + SUFFICES.format(60, "1m"),
            ],
        ),
        (
            {"account": {"tasks": task_ids(48), "rate_limit": 1}},
            ["account main: 48 tasks; if all run, they need 48 of 60 calls a minute (80%)"],
        ),
        (
            {"account": {"tasks": task_ids(20), "rate_limit": 0.5}, "windows": "today,1h", "poll": {"interval": "30s"}},
            [
                "account main: 20 tasks; if all run, they need 120 of 30 calls a minute (400%)",
                f"  warning: over the limit: {SUFFICES.format(5, '30s')}; intervals would stretch 4.0 times. {ADVICE}",
            ],
        ),
        (
            {"account": {"discovery": {}}},
            [
                "account main: 2 of 300 calls a minute go into discovery; " + SUFFICES.format(298, "1m"),
            ],
        ),
        (
            {"account": {"discovery": {"sub_accounts": True, "interval": "30s"}, "rate_limit": 0.1}},
            [
                "account main: 8 of 6 calls a minute go into discovery; " + SUFFICES.format(0, "1m"),
            ],
        ),
        (
            {"account": {"discovery": {"generations": [2]}}, "listed": 200},
            ["account main: 200 tasks; if all run, they need 203 of 300 calls a minute (68%)"],
        ),
        (
            {"account": {"discovery": {}}, "listed": 20_000, "poll": {"interval": "5m", "idle_interval": "1h"}},
            [
                "account main: 5000 tasks; if all run, they need 1052 of 300 calls a minute (351%)",
                f"  warning: over the limit: {SUFFICES.format(1240, '5m')}; intervals would stretch 3.5 times. {ADVICE}",
            ],
        ),
        (
            {"account": {"discovery": {}, "tasks": task_ids(7)}, "listed": 0},
            ["account main: 7 tasks; if all run, they need 9 of 300 calls a minute (3%)"],
        ),
    ],
    ids=lambda value: repr(value)[:90] if isinstance(value, dict) else "",
)
def test_the_budget_in_words(settings: dict[str, Any], expected: list[str]) -> None:
    """Calls needed and allowed, a warning from four fifths on, and how far intervals would stretch beyond the limit."""
    assert lines(settings.pop("account"), **settings) == expected


def test_no_line_shows_a_token() -> None:
    """The lines go to a terminal and into logs of builds."""
    assert "planted" not in "".join(lines({"token": "planted-token", "tasks": task_ids(1)}))


USER = "40863af8-db4a-41c6-a269-eb5bc386d97f"


WARNING = "account main: base_url is plain http, so everybody on the way can read the token; expected https"


@pytest.mark.parametrize(
    ("base_url", "warned"),
    [
        ("https://api.example.com", False),
        ("https://8.8.8.8", False),
        ("http://api.example.com", True),
        ("http://api.example.com:8080/prefix", True),
        ("HTTP://API.EXAMPLE.COM", True),
        ("http://8.8.8.8", True),
        ("http://[2606:4700::1111]", True),
        ("http://127.0.0.1:8080", False),
        ("http://[::1]:8080", False),
        ("http://localhost", False),
        ("http://10.1.2.3", False),
        ("http://192.168.1.1", False),
        ("http://172.16.0.1", False),
        ("http://172.32.0.1", True),
        ("http://[fd00::1]", False),
        ("http://169.254.1.1", False),
        ("http://platform", False),
        ("http://platform.calls.svc", False),
        ("http://platform.calls.svc.cluster.local", False),
        ("http://notlocal.example.com.localhost.evil.com", True),
    ],
)
def test_plain_http_to_elsewhere(base_url: str, warned: bool) -> None:  # noqa: FBT001
    """A plain address that is neither loopback nor private is warned of, for the token goes there."""
    account = AccountSettings(name="main", base_url=base_url, user_id=USER, token="t", discovery={})
    assert warnings(account) == ([WARNING] if warned else [])


def test_it_is_said_once(tmp_path: Path) -> None:
    """``check`` says it, and the daemon logs it once at its start; of an account that is near it says nothing."""
    listen = f"127.0.0.1:{free_port()}"
    with simulated(SimulatorOptions(tasks=1)) as platform:
        far = platform.account(base_url="http://nowhere.invalid")
        config = write_config(tmp_path / "c", far, platform.account("near"), listen=listen)
        assert run_program("check", "--config", str(config)).stdout.count(f"  warning: {WARNING}\n") == 1
        with running(tmp_path, "--config", str(config)) as program:
            eventually(answers(f"http://{listen}/healthz"))
            eventually(lambda: "msg=serving" in program.logs)
            assert program.stop() == 0
    assert program.logs.count(WARNING) == 1
    assert "account near" not in program.logs
