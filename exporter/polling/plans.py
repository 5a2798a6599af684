"""What an account's settings mean to the rooms that do the work: its token, its polling, its discovery, its tasks."""

from __future__ import annotations

import ssl

from exporter.api.model import Task, TaskRef, TaskState
from exporter.api.tokens import Token, TokenError
from exporter.config.settings import AccountSettings, Settings
from exporter.polling.discovery import DiscoveryPlan
from exporter.polling.poller import PollPlan
from exporter.polling.schedule import Cadence
from exporter.polling.windows import Window


def read_tokens(settings: Settings) -> tuple[dict[str, Token], list[str]]:
    """Read every account's token and try its CA file; return the tokens by account name, and one line per fault."""
    tokens: dict[str, Token] = {}
    faults: list[str] = []
    for index, account in enumerate(settings.accounts):
        try:
            tokens[account.name] = _token(account)
        except TokenError as error:
            faults.append(f"accounts[{index}].token_file: {error}")
        try:
            ssl.create_default_context(cafile=None if account.ca_file is None else str(account.ca_file))
        except OSError as error:
            reason = "no certificate in it" if isinstance(error, ssl.SSLError) else error.strerror
            faults.append(f"accounts[{index}].ca_file: cannot be used: {reason}; expected a file of PEM certificates")
    return tokens, faults


def _token(account: AccountSettings) -> Token:
    if account.token_file is not None:
        return Token.from_file(account.token_file)
    assert account.token is not None, "the settings demand one of the two"  # noqa: S101  # told to mypy
    return Token(account.token.get_secret_value())


def poll_plan(settings: Settings, account: AccountSettings) -> PollPlan:
    """Return how an account is polled."""
    return PollPlan(
        cadence=Cadence(settings.poll.interval, settings.poll.idle_interval),
        concurrency=account.concurrency,
        rate_limit=account.rate_limit,
        timezone=settings.timezone,
        tag_limit=settings.labels.tag_limit,
        windows=tuple(Window(window.label, window.seconds) for window in settings.windows),
    )


def discovery_plan(settings: Settings, account: AccountSettings) -> DiscoveryPlan | None:
    """Return what is looked for; None if only the listed tasks are polled."""
    if account.discovery is None:
        return None
    return DiscoveryPlan(
        generations=account.discovery.generations,
        sub_accounts=account.discovery.sub_accounts,
        states=frozenset(TaskState(state) for state in account.discovery.states),
        include=account.discovery.include,
        exclude=account.discovery.exclude,
        max_tasks=account.discovery.max_tasks,
        min_answer_ratio=settings.thresholds.min_answer_ratio,
    )


def configured_tasks(settings: Settings, account: AccountSettings) -> list[Task]:
    """Return the tasks that an account's settings list."""
    default, info_labels = settings.thresholds.min_answer_ratio, settings.info_labels
    return [
        Task(
            ref=TaskRef(account.name, task.id, task.sub_user_id),
            min_answer_ratio=default if task.min_answer_ratio is None else task.min_answer_ratio,
            name=task.name or "",
            labels=tuple(task.labels.get(label, "") for label in info_labels),
        )
        for task in account.tasks
    ]
