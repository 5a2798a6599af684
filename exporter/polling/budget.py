"""The API budget of a configuration, and warnings about settings that are valid but risky. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from math import floor, inf
from typing import Final
from urllib.parse import urlsplit

from exporter.api.quota import DEFAULT_SHARE, DOCUMENTED_LIMIT, RESERVED_SHARE
from exporter.config.settings import AccountSettings, Settings
from exporter.config.values import format_duration
from exporter.lists.entries import PER_PAGE, task_lists

LONG_INTERVAL: Final = 300.0
"""A second interval in seconds, for which the budget says how many tasks it is enough."""

_PRIVATE_ENDINGS: Final = (".localhost", ".local", ".internal", ".svc", ".lan", ".home.arpa")


def budget_lines(
    settings: Settings,
    accounts: Sequence[AccountSettings],
    listed: Mapping[str, int | None],
    granted: int | None = None,
) -> list[str]:
    """Return lines on the API calls per minute that accounts with one token need and have, with a warning if they are short.

    ``listed`` is how many tasks the platform lists, by account; ``granted`` is what it grants per minute, None: not known. All
    tasks are assumed to run.
    """
    allowed, reason = _allowed(accounts, granted)
    tasks = {account.name: _tasks(account, listed.get(account.name)) for account in accounts}
    lists = sum(_list_calls(settings, account, tasks[account.name] or 0) for account in accounts)
    known = sum(count or 0 for count in tasks.values())
    who = f"account {accounts[0].name}" if len(accounts) == 1 else f"accounts {', '.join(tasks)} (one token)"
    needed = known * _poll_calls(settings, settings.poll.interval) + lists
    if None in tasks.values():
        lines = [f"{who}: {lists:.0f} of {allowed:.0f} API calls per minute go into discovery"]
    else:
        counted = f"{known} {'task' if known == 1 else 'tasks'}"
        lines = [f"{who}: {counted}; if all run, they need {needed:.0f} of {allowed:.0f} API calls per minute"]
    intervals = sorted({settings.poll.interval, max(settings.poll.interval, LONG_INTERVAL)})
    rooms = [
        (max(0, floor((allowed - lists) / _poll_calls(settings, each) + 1e-9)), format_duration(each))
        for each in intervals
    ]
    lines.append("  that is enough for " + " or ".join(f"{room} running tasks every {each}" for room, each in rooms))
    lines.append(f"  the limit is {reason}, for all programs that use the token")
    if needed > allowed:
        lines.append(
            "  warning: over the limit: tasks with many phone calls are polled more often, the others less, down to "
            f"poll.idle_interval ({format_duration(settings.poll.idle_interval)}) and beyond. Poll fewer tasks, or raise rate_limit if the "
            "platform grants more and your other programs do not need it"
        )
    elif needed > 0.8 * allowed:
        lines.append("  warning: close to the limit")
    return lines


def _allowed(accounts: Sequence[AccountSettings], granted: int | None) -> tuple[float, str]:
    """Return the API calls per minute that the daemon may make with the accounts' token, and what decides that."""
    stated = [account.rate_limit * 60 for account in accounts if account.rate_limit is not None]
    if stated:
        left = inf if granted is None else (1 - RESERVED_SHARE) * granted
        return min((min(stated), "rate_limit"), (left, f"four fifths of the {granted} that the platform grants"))
    what = (
        f"the {DOCUMENTED_LIMIT:.0f} that the vendor documents"
        if granted is None
        else f"the {granted} that the platform grants"
    )
    return (
        DOCUMENTED_LIMIT if granted is None else granted
    ) * DEFAULT_SHARE, f"half of {what}, since rate_limit is not given"


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


def warnings(account: AccountSettings) -> list[str]:
    """Return one line for each risky setting of an account."""
    url = urlsplit(account.base_url)
    if url.scheme != "http" or _is_private(url.hostname or ""):
        return []
    return [
        f"account {account.name}: base_url is plain http, so everybody on the way can read the token; expected https"
    ]


def _is_private(host: str) -> bool:
    """Return whether a host is this machine or in a private network, as far as its name or address says."""
    try:
        address = ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_PRIVATE_ENDINGS)
    return address.is_loopback or address.is_private
