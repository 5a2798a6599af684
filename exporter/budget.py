"""The API budget: how many calls a minute a configuration needs, against what it allows. Pure."""

from __future__ import annotations

from exporter.discovery import PER_PAGE
from exporter.settings import AccountSettings, Settings


def budget_line(settings: Settings, account: AccountSettings, listed: int | None) -> str:
    """Say in a line what an account needs and has. ``listed`` is how many tasks the platform lists, if it was asked.

    It reckons with the worst: that all tasks run.
    """
    found = 0 if account.discovery is None else account.discovery.max_tasks if listed is None else listed
    tasks = max(found, len(account.tasks))
    calls = tasks * (1 + len(settings.windows)) / settings.poll.interval * 60
    if account.discovery is not None:
        lists = len(account.discovery.generations) * (2 if account.discovery.sub_accounts else 1)
        calls += (lists + found / PER_PAGE) / account.discovery.interval * 60
    allowed = account.rate_limit * 60
    count = f"up to {tasks}" if account.discovery is not None and listed is None else str(tasks)
    line = (
        f"account {account.name}: {count} tasks; if all of them run, {calls:.0f} calls a minute are needed, "
        f"{allowed:.0f} are allowed ({calls / allowed:.0%})"
    )
    if calls <= allowed:
        return line
    return (
        f"{line}\n  warning: over the rate limit; the tasks' intervals would stretch about {calls / allowed:.1f} times. "
        "Raise rate_limit if the platform allows it, or poll.interval, or narrow discovery"
    )
