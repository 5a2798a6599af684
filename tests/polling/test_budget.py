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


def task_ids(count: int) -> list[dict[str, str]]:
    """Return so many configured tasks."""
    return [{"id": f"61551b2c-e3f3-4707-b4ed-{number:012}"} for number in range(count)]


def lines(account: Mapping[str, Any], *, listed: int | None = None, **more: Any) -> list[str]:
    """Return the lines for an account and, beside it, more settings."""
    given = {"name": "main", "base_url": "http://h", "user_id": "40863af8-db4a-41c6-a269-eb5bc386d97f", "token": "t"}
    settings = Settings.model_validate({"accounts": [given | dict(account)], **more})
    return budget_lines(settings, settings.accounts, {"main": listed})


OVER = (
    "  warning: over the limit: tasks with many phone calls are polled more often, the others less, down to poll.idle_interval "
    "({}) and beyond. Poll fewer tasks, or raise rate_limit if the platform grants more and your other programs do not need it"
)
CLOSE = "  warning: close to the limit"
HALF = "  the limit is half of the 60 that the vendor documents, since rate_limit is not given, for all programs that use the token"
STATED = "  the limit is rate_limit, for all programs that use the token"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"account": {"tasks": task_ids(1)}},
            [
                "account main: 1 task; if all run, they need 1 of 30 API calls per minute",
                "  that is enough for 30 running tasks every 1m or 150 running tasks every 5m",
                HALF,
            ],
        ),
        (
            {"account": {"tasks": task_ids(50), "rate_limit": 1}, "windows": ["today"]},
            [
                "account main: 50 tasks; if all run, they need 60 of 60 API calls per minute",
                "  that is enough for 50 running tasks every 1m or 150 running tasks every 5m",
                STATED,
                CLOSE,
            ],
        ),
        (
            {
                "account": {"tasks": task_ids(20), "rate_limit": "30/m"},
                "windows": "today,1h",
                "poll": {"interval": "30s"},
            },
            [
                "account main: 20 tasks; if all run, they need 48 of 30 API calls per minute",
                "  that is enough for 12 running tasks every 30s or 50 running tasks every 5m",
                STATED,
                OVER.format("15m"),
            ],
        ),
        (
            {"account": {"discovery": {}}},
            [
                "account main: 3 of 30 API calls per minute go into discovery",
                "  that is enough for 26 running tasks every 1m or 134 running tasks every 5m",
                HALF,
            ],
        ),
        (
            {"account": {"discovery": {"sub_accounts": True, "interval": "30s"}, "rate_limit": 0.1}},
            [
                "account main: 12 of 6 API calls per minute go into discovery",
                "  that is enough for 0 running tasks every 1m or 0 running tasks every 5m",
                STATED,
                OVER.format("15m"),
            ],
        ),
        (
            {"account": {"discovery": {"generations": [2]}, "rate_limit": "300/m"}, "listed": 200},
            [
                "account main: 200 tasks; if all run, they need 203 of 300 API calls per minute",
                "  that is enough for 296 running tasks every 1m or 1484 running tasks every 5m",
                STATED,
            ],
        ),
        (
            {"account": {"discovery": {}}, "listed": 20_000, "poll": {"interval": "5m", "idle_interval": "1h"}},
            [
                "account main: 5000 tasks; if all run, they need 1056 of 30 API calls per minute",
                "  that is enough for 0 running tasks every 5m",
                HALF,
                OVER.format("1h"),
            ],
        ),
    ],
    ids=lambda value: repr(value)[:90] if isinstance(value, dict) else "",
)
def test_the_budget_in_words(settings: dict[str, Any], expected: list[str]) -> None:
    """Calls needed and allowed, what that is enough for, what decides the limit, and a warning from four fifths on."""
    assert lines(settings.pop("account"), **settings) == expected


def test_in_chinese_the_units_are_chinese() -> None:
    """Intervals too."""
    given = {"name": "a", "base_url": "http://h", "user_id": "40863af8-db4a-41c6-a269-eb5bc386d97f", "token": "t"}
    accounts, poll = [given | {"tasks": task_ids(99)}], {"interval": "30s", "idle_interval": "1h30m"}
    settings = Settings.model_validate({"accounts": accounts, "poll": poll})
    said = budget_lines(settings, settings.accounts, {}, language="zh")
    assert said[1] == "  足够每 30 秒采集 15 个运行中任务，或每 5 分钟采集 150 个运行中任务"
    assert "拉长到 poll.idle_interval（1 小时30 分钟）甚至更久" in said[3]


def test_accounts_with_one_token_are_added_up() -> None:
    """The tasks of all accounts with a token count against its quota, and what the platform grants prevails over the documents."""
    given = {"base_url": "http://h", "user_id": "40863af8-db4a-41c6-a269-eb5bc386d97f", "token": "t"}
    accounts = [{**given, "name": name, "tasks": task_ids(20)} for name in ("a", "b")]
    settings = Settings.model_validate({"accounts": accounts})
    assert budget_lines(settings, settings.accounts, {}, 120) == [
        "accounts a, b (one token): 40 tasks; if all run, they need 40 of 60 API calls per minute",
        "  that is enough for 60 running tasks every 1m or 300 running tasks every 5m",
        "  the limit is half of the 120 that the platform grants, since rate_limit is not given, for all programs that use the token",
    ]


def test_what_the_platform_grants_bounds_a_rate_limit() -> None:
    """Of a granted quota the last fifth is never used, whatever rate_limit says; one below that decides."""
    account = {"name": "a", "base_url": "http://h", "user_id": "40863af8-db4a-41c6-a269-eb5bc386d97f", "token": "t"}
    settings = Settings.model_validate({"accounts": [{**account, "tasks": task_ids(20), "rate_limit": "100/m"}]})
    assert budget_lines(settings, settings.accounts, {}, 60) == [
        "account a: 20 tasks; if all run, they need 20 of 48 API calls per minute",
        "  that is enough for 48 running tasks every 1m or 240 running tasks every 5m",
        "  the limit is four fifths of the 60 that the platform grants, for all programs that use the token",
    ]
    assert budget_lines(settings, settings.accounts, {}, 200)[-1] == STATED


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
