"""The API budget of a configuration, and warnings about settings that are valid but risky. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from ipaddress import ip_address
from math import floor, inf
from typing import Final
from urllib.parse import urlsplit

from exporter.api.quota import DEFAULT_SHARE, DOCUMENTED_LIMIT, RESERVED_SHARE
from exporter.config.settings import AccountSettings, Settings
from exporter.config.values import format_duration
from exporter.lists.entries import PER_PAGE, task_lists
from exporter.words.check import BUDGET, UNITS

LONG_INTERVAL: Final = 300.0
"""A second interval in seconds, for which the budget says how many tasks it is enough."""

_PRIVATE_ENDINGS: Final = (".localhost", ".local", ".internal", ".svc", ".lan", ".home.arpa")


def budget_lines(
    settings: Settings,
    accounts: Sequence[AccountSettings],
    listed: Mapping[str, int | None],
    granted: int | None = None,
    *,
    language: str = "en",
) -> list[str]:
    """Return lines in a language (``en``, ``zh``) on the API calls per minute that accounts with one token need and have, with a warning if they are short.

    ``listed`` is how many tasks the platform lists, by account; ``granted`` is what it grants per minute, None: not known. All
    tasks are assumed to run.
    """
    say = partial(_say, language)
    allowed, reason = _allowed(accounts, granted, say)
    tasks = {account.name: _tasks(account, listed.get(account.name)) for account in accounts}
    lists = sum(_list_calls(settings, account, tasks[account.name] or 0) for account in accounts)
    known = sum(count or 0 for count in tasks.values())
    who = say("account" if len(accounts) == 1 else "accounts", names=", ".join(tasks))
    needed = known * _poll_calls(settings, settings.poll.interval) + lists
    if None in tasks.values():
        lines = [say("discovery", who=who, lists=f"{lists:.0f}", allowed=f"{allowed:.0f}")]
    else:
        key = "task" if known == 1 else "tasks"
        lines = [say(key, who=who, count=known, needed=f"{needed:.0f}", allowed=f"{allowed:.0f}")]
    rooms = [
        say(
            "room",
            room=max(0, floor((allowed - lists) / _poll_calls(settings, each) + 1e-9)),
            interval=_format_span(each, language),
        )
        for each in sorted({settings.poll.interval, max(settings.poll.interval, LONG_INTERVAL)})
    ]
    lines += [say("enough", rooms=say("or").join(rooms)), say("limit", reason=reason)]
    if needed > allowed:
        lines.append(say("over", idle=_format_span(settings.poll.idle_interval, language)))
    elif needed > 0.8 * allowed:
        lines.append(say("close"))
    return lines


def _format_span(seconds: float, language: str) -> str:
    """Format seconds as in the configuration, with the units of a language."""
    return re.sub(r"[a-z]+", lambda unit: UNITS[unit[0]].say(language), format_duration(seconds))


def _say(language: str, key: str, **values: object) -> str:
    return BUDGET[key].say(language).format(**values)


def _allowed(accounts: Sequence[AccountSettings], granted: int | None, say: Callable[..., str]) -> tuple[float, str]:
    """Return the API calls per minute that the daemon may make with the accounts' token, and what decides that."""
    stated = [account.rate_limit * 60 for account in accounts if account.rate_limit is not None]
    if stated:
        left = inf if granted is None else (1 - RESERVED_SHARE) * granted
        return min((min(stated), say("rate_limit")), (left, say("four_fifths", granted=granted)))
    number, key = (DOCUMENTED_LIMIT, "documented") if granted is None else (granted, "granted")
    return number * DEFAULT_SHARE, say("half", what=say(key, number=f"{number:.0f}"))


def _tasks(account: AccountSettings, listed: int | None) -> int | None:
    """Return how many tasks an account can have to poll; None: that is known to the platform only."""
    if account.discovery is None:
        return len(account.tasks)
    return None if listed is None else max(len(account.tasks), min(listed, account.discovery.max_tasks))


def _poll_calls(settings: Settings, interval: float) -> float:
    """Return the API calls per minute that a task takes which is polled at an interval of some seconds."""
    return 60 / interval + len(settings.windows) * 60 / max(interval, settings.poll.window_interval)


def _list_calls(settings: Settings, account: AccountSettings, tasks: int) -> float:
    """Return the API calls per minute that discovery takes: for active tasks and for whole lists; each shard reads all lists."""
    discovery = account.discovery
    if discovery is None:
        return 0.0
    lists = task_lists(account.user_id, discovery.generations, sub_accounts=discovery.sub_accounts)
    active = sum(len(each.active) or 1 for each in lists) + tasks / PER_PAGE
    whole = len(lists) + tasks / PER_PAGE
    return (active * 60 / discovery.interval + whole * 60 / discovery.full_interval) * settings.shard.total


def warnings(account: AccountSettings, language: str = "en") -> list[str]:
    """Return one line for each risky setting of an account, in a language: ``en``, as for the log, or ``zh``."""
    url = urlsplit(account.base_url)
    if url.scheme != "http" or _is_private(url.hostname or ""):
        return []
    return [_say(language, "plain_http", account=account.name)]


def _is_private(host: str) -> bool:
    """Return whether a host is this machine or in a private network, as far as its name or address says."""
    try:
        address = ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_PRIVATE_ENDINGS)
    return address.is_loopback or address.is_private
