"""The API budget: how many calls a minute a configuration needs, against what it allows. Pure."""

from __future__ import annotations

from exporter.config.settings import AccountSettings, Settings
from exporter.config.values import format_duration
from exporter.polling.discovery import PER_PAGE


def budget_lines(settings: Settings, account: AccountSettings, listed: int | None) -> list[str]:
    """Say what an account needs and has, and warn before it runs into its limit.

    ``listed`` is how many tasks the platform lists, if it was asked and answered. The worst case is assumed: that all tasks run.
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
