"""Problems in words: what a failure means and what to do, and why a task needs a look or is not read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from exporter.api.errors import Failure
from exporter.api.model import TaskStats
from exporter.web.pages.judging import Glance, Standing, empty_kind, is_counted
from exporter.web.pages.language import Ago, Moment, Phrase, Share, Span, phrase
from exporter.words.pages import WORDS

_UNKNOWN: Final = "reason.other"
_MOST_NAMES: Final = 5


def failure_phrase(failure: Failure | None, *, is_account_down: bool = True) -> Phrase:
    """Return what a failure means and what to do, and what the platform itself says.

    A token that is refused for one task, while the account is served, is another problem than one that is refused.
    """
    is_tasks_own = failure is not None and failure.reason == "http_401" and not is_account_down
    return _with_message(phrase("reason.http_401_task") if is_tasks_own else _explain(failure), failure)


def list_failure_phrase(failure: Failure) -> Phrase:
    """Return what the failure of a task list means and what to do; some reasons mean another thing for a task."""
    return _phrase_of("list", failure)


def account_failure_phrase(failure: Failure | None) -> Phrase:
    """Return what it means, and what to do, that all calls of an account fail; some reasons mean another thing for a task."""
    return failure_phrase(None) if failure is None else _phrase_of("account", failure)


def _phrase_of(what: str, failure: Failure) -> Phrase:
    key = f"reason.{what}_{failure.reason}"
    return _with_message(phrase(key) if key in WORDS else _explain(failure), failure)


def _with_message(explained: Phrase, failure: Failure | None) -> Phrase:
    """Return an explanation with what the platform itself says."""
    return phrase("reason.said", why=explained, said=failure.said) if failure and failure.said else explained


def _explain(failure: Failure | None) -> Phrase:
    reason = "" if failure is None else failure.reason
    key = f"reason.{reason}"
    if key in WORDS:
        return phrase(key)
    return (
        phrase("reason.http_4xx", code=reason.removeprefix("http_"))
        if reason.startswith("http_4")
        else phrase(_UNKNOWN)
    )


def failure_clause(seen: Glance) -> Phrase:
    """Return in a few words why a task's last poll failed."""
    failure, exchange = seen.record.status.failure or Failure("", ""), seen.record.exchange
    key = f"clause.{failure.reason}"
    if key in WORDS:
        return phrase(key)
    if failure.reason.startswith("http_"):
        status = exchange.status if exchange is not None and exchange.status else failure.reason.removeprefix("http_")
        return phrase("clause.http", status=str(status))
    return phrase("clause.other")


def why_empty(stats: Sequence[TaskStats]) -> Phrase:
    """Return why tasks have neither calls nor numbers, all of them for the same kind of reason (``empty_kind``)."""
    missing = show_fields(field for each in stats for field in each.missing if is_counted(field))
    unread = show_fields(field for each in stats for field in each.unread if is_counted(field))
    unknown = show_fields(field for each in stats for field in each.unknown)
    match empty_kind(stats[0]):
        case "instead":
            return phrase("empty.instead", fields=missing, unknown=unknown)
        case "missing":
            return phrase("empty.missing", fields=missing)
        case "unread":
            return phrase("empty.unread", fields=unread)
    return phrase("empty.nothing")


def show_fields(fields: Iterable[str]) -> str:
    """Return the first few distinct names as a text."""
    distinct = [*dict.fromkeys(fields)]
    return ", ".join(distinct[:_MOST_NAMES]) + (", …" if len(distinct) > _MOST_NAMES else "")


def task_problem(seen: Glance, now: float, *, is_account_down: bool) -> Phrase | None:
    """Return why a task needs a look, or is not read; None if it is well."""
    status = seen.record.status
    match seen.standing:
        case Standing.FAILING:
            return failure_phrase(status.failure, is_account_down=is_account_down)
        case Standing.OVERDUE:
            late = Span(max(0.0, now - (status.due or now)))
            return phrase("task.overdue_account" if is_account_down else "task.overdue", late=late)
        case Standing.EMPTY | Standing.WELL if seen.is_empty or seen.is_unjudged:
            return phrase("task.empty" if seen.is_empty else "task.unjudged", why=why_empty([seen.stats]))
        case Standing.LOW | Standing.BLOCKED:
            return _trouble(seen)
        case Standing.LATE if status.up:
            return phrase("task.late", late=Span(max(0.0, now - (status.due or now))))
        case Standing.LATE:
            why = failure_phrase(status.failure, is_account_down=is_account_down)
            return phrase("task.late_failing", n=seen.failed_polls, why=why)
        case Standing.NEW:
            return phrase("task.new")
        case Standing.LEAVING:
            return phrase("task.leaving", since=Ago(max(0.0, now - (status.missing_since or now))))
        case Standing.UNPOLLED:
            return phrase("task.unpolled", state=status.task.state.value)
    return None


def _trouble(seen: Glance) -> Phrase | None:
    if (finding := seen.finding) is None:
        return None
    return phrase(
        f"task.{seen.standing.name.lower()}",
        of=round(finding.found.of),
        span=Span(finding.span),
        share=Share(finding.found.share),
        threshold=Share(seen.record.status.task.min_answer_ratio),
        since=Moment(seen.since or 0.0),
    )


def short_problem(seen: Glance, now: float) -> Phrase:
    """Return in a few words what is wrong with a task that needs a look, and for how long, if that is known."""
    match seen.standing:
        case Standing.FAILING:
            what = phrase("short.failing", why=failure_clause(seen))
        case Standing.LOW | Standing.BLOCKED if seen.finding is not None:
            share, threshold = (
                Share(round(seen.finding.found.share, 2)),
                Share(seen.record.status.task.min_answer_ratio),
            )
            what = phrase(f"short.{seen.standing.name.lower()}", share=share, threshold=threshold)
        case standing:
            what = phrase(f"short.{standing.name.lower()}")
    return what if seen.since is None else phrase("short.for", what=what, span=Span(max(0.0, now - seen.since)))
