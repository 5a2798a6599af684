"""The API budget of a configuration, and warnings about settings that are valid but risky. Pure."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from exporter.api.lists import PER_PAGE
from exporter.config.settings import AccountSettings, Settings
from exporter.config.values import format_duration

_PRIVATE_ENDINGS: Final = (".localhost", ".local", ".internal", ".svc", ".lan", ".home.arpa")


def budget_lines(settings: Settings, account: AccountSettings, listed: int | None) -> list[str]:
    """Return lines on the API calls per minute that an account needs and has, with a warning if they are short.

    ``listed`` is how many tasks the platform lists, None if that is not known. All tasks are assumed to run.
    """
    allowed = account.rate_limit * 60
    polls_per_task = (1 + len(settings.windows)) / settings.poll.interval * 60
    tasks = len(account.tasks)
    lists = 0.0  # each shard reads them all
    if account.discovery is not None:
        tasks = max(tasks, min(listed or 0, account.discovery.max_tasks))
        per_round = len(account.discovery.generations) * (2 if account.discovery.sub_accounts else 1)
        lists = (per_round + tasks / PER_PAGE) / account.discovery.interval * 60 * settings.shard.total
    needed = tasks * polls_per_task + lists
    room = max(0, int((allowed - lists) / polls_per_task))
    interval = format_duration(settings.poll.interval)
    suffices = f"the limit is enough for {room} running tasks at poll.interval {interval}"
    if account.discovery is not None and listed is None:
        return [f"account {account.name}: {lists:.0f} of {allowed:.0f} calls a minute go into discovery; {suffices}"]
    share = f"{needed:.0f} of {allowed:.0f} calls a minute ({needed / allowed:.0%})"
    lines = [f"account {account.name}: {tasks} {'task' if tasks == 1 else 'tasks'}; if all run, they need {share}"]
    if needed > allowed:
        lines.append(
            f"  warning: over the limit: {suffices}; intervals would stretch {needed / allowed:.1f} times. Raise rate_limit "
            "if the platform allows it, or poll.interval, or poll fewer tasks"
        )
    elif needed > 0.8 * allowed:
        lines.append(f"  warning: close to the limit: {suffices}")
    return lines


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
