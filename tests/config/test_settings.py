"""The models: what a configuration may be, its defaults, and that it never shows a secret."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from exporter.config.settings import AccountSettings, DiscoverySettings, Settings
from exporter.config.values import Address, WindowSettings, parse_pattern

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2VjcmV0"
USER = "40863af8-db4a-41c6-a269-eb5bc386d97f"
TASK = "61551b2c-e3f3-4707-b4ed-f362f0925e03"


def account(**changes: Any) -> dict[str, Any]:
    """Make an account with the fewest keys, and the changes."""
    return {
        "name": "main",
        "base_url": "https://api.example.com",
        "user_id": USER,
        "token": TOKEN,
        "discovery": {},
    } | changes


def test_defaults() -> None:
    """What is not given has the contract's default."""
    settings = Settings(accounts=(AccountSettings(**account()),))
    assert settings.listen == (Address("0.0.0.0", 10042),)  # noqa: S104 - compared, not bound
    assert settings.health_listen is None
    assert (settings.log.level, settings.log.format) == ("info", "logfmt")
    assert settings.poll.model_dump() == {
        "interval": 60.0,
        "idle_interval": 900.0,
        "timeout": 10.0,
        "window_interval": 300.0,
        "stale_after": 300.0,
    }
    assert settings.windows == ()
    assert settings.timezone == ZoneInfo("Asia/Shanghai")
    assert settings.labels.tag_limit == 50
    assert settings.thresholds.min_answer_ratio == 0.2
    assert (settings.links.grafana, settings.links.runbook) == (None, None)
    (one,) = settings.accounts
    assert (one.rate_limit, one.concurrency, one.proxy, one.ca_file, one.tasks) == (None, 8, None, None, ())
    assert one.discovery == DiscoverySettings(
        generations=(1, 2),
        sub_accounts=False,
        states=("running", "waiting"),
        include=parse_pattern(".*"),
        exclude=None,
        interval=60.0,
        max_tasks=5000,
    )


def test_an_account_discovers_nothing_unless_told() -> None:
    """Without a discovery block only the listed tasks are polled."""
    one = AccountSettings(**account(discovery=None, tasks=[{"id": TASK}]))
    assert one.discovery is None
    assert [task.id for task in one.tasks] == [TASK]


def test_settings_are_frozen() -> None:
    """Neither the whole nor a part can be changed."""
    settings = Settings(accounts=(AccountSettings(**account()),))
    for part, name in ((settings, "windows"), (settings.poll, "interval"), (settings.accounts[0], "token")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, name, None)


def test_nothing_of_the_surroundings_gets_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that are built directly read no variable and no .env file."""
    (tmp_path / ".env").write_text("WINDOWS=today\nYUNFU_WINDOWS=today\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WINDOWS", "today")
    monkeypatch.setenv("YUNFU_WINDOWS", "today")
    assert Settings(accounts=(AccountSettings(**account()),)).windows == ()


def test_info_labels_are_those_of_all_tasks_and_rules() -> None:
    """The label names of all tasks and rules of all accounts are one sorted set."""
    settings = Settings(
        accounts=(
            AccountSettings(**account(tasks=[{"id": TASK, "labels": {"team": "a", "city": "b"}}])),
            AccountSettings(**account(name="other", rules=[{"match": "x", "labels": {"team": "c", "line": "d"}}])),
        )
    )
    assert settings.info_labels == ("city", "line", "team")


def test_windows_keep_the_label_the_user_wrote() -> None:
    """A window's label is as written, its length in seconds."""
    settings = Settings.model_validate({"accounts": [account()], "windows": ["60m", 900, "yesterday"]})
    assert settings.windows == (
        WindowSettings("60m", 3600.0),
        WindowSettings("900", 900.0),
        WindowSettings("yesterday"),
    )


def test_a_json_dump_is_as_a_user_writes_it() -> None:
    """Dumped as JSON, values are written as in a file, and read back they are the same but for the secrets."""
    written = {
        "listen": ["[::]:10042", ":9"],
        "windows": ["90m"],
        "timezone": "UTC",
        "poll": {"interval": "1m30s"},
    }
    settings = Settings.model_validate({"accounts": [account(ca_file="ca.pem")], **written})
    dumped = settings.model_dump(mode="json")
    assert {key: dumped[key] for key in ("listen", "windows", "timezone")} | {
        "poll": {"interval": dumped["poll"]["interval"]}
    } == written
    assert dumped["accounts"][0]["ca_file"] == "ca.pem"
    assert dumped["accounts"][0]["token"] == "**********"


def test_secrets_never_show() -> None:
    """Neither token nor proxy password is in any text of the settings, or of pydantic's own error."""
    secret = account(proxy="http://user:passw0rd@proxy.example.com:3128")
    settings = Settings(accounts=(AccountSettings(**secret),))
    token, proxy = settings.accounts[0].token, settings.accounts[0].proxy
    assert token is not None
    assert token.get_secret_value() == TOKEN
    assert proxy is not None
    assert proxy.get_secret_value() == "http://user:passw0rd@proxy.example.com:3128"
    with pytest.raises(ValidationError) as raised:
        AccountSettings(**secret | {"tokn": TOKEN, "token": [TOKEN], "proxy": "ftp://user:passw0rd@x", "name": 5})
    texts = (
        repr(settings),
        str(settings),
        settings.model_dump_json(),
        str(settings.model_dump()),
        str(raised.value),
    )
    for text in texts:
        assert TOKEN not in text
        assert "passw0rd" not in text


def test_reading_settings_loads_no_http_library() -> None:
    """Commands that need no network do not pay for it."""
    program = "import sys, exporter.config.loading; print('aiohttp' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout == "False\n"
    )
