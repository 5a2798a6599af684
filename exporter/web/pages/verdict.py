"""The verdict of the overview: one word, the worst, the rest in a sentence, and what else needs attention. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from exporter.web.exporter import Exporter
from exporter.web.pages.account_rows import GRAVEST_FIRST, AccountRow, Problem, Tone
from exporter.web.pages.causes import TONES, Cause
from exporter.web.pages.judging import Glance, Standing, Survey
from exporter.web.pages.language import Moment, Phrase, phrase
from exporter.web.pages.problems import short_problem, show_fields, why_empty


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict: a word, and ``rest`` for the rest.

    ``worst`` is the task, or the cause that several share, that needs somebody most, None: none does; ``what`` is wrong with it.
    """

    word: Phrase
    tone: Tone
    rest: Sequence[Phrase]
    worst: Glance | Cause | None = None
    what: Phrase | None = None


def make_verdict(
    survey: Survey, accounts: Sequence[AccountRow], notices: Sequence[Problem], worst: Glance | Cause | None
) -> Verdict:
    """Return the verdict on all tasks and accounts; ``notices`` are those of the exporter."""
    problems = chain(notices, *(row.problems for row in accounts))
    count = sum(not each.is_meant for each in problems)
    word, tone = _word(survey, accounts, count)
    rest = [*_rest_on_tasks(survey, worst), *_rest_on_accounts(survey, accounts)]
    if worst is None:
        return Verdict(word, tone, rest)
    return Verdict(
        word, tone, rest, worst, worst.words if isinstance(worst, Cause) else short_problem(worst, survey.now)
    )


def _word(survey: Survey, accounts: Sequence[AccountRow], notices: int) -> tuple[Phrase, Tone]:
    polled = survey.polled.total()
    if any(_is_untrusted(row, survey) for row in accounts):
        return phrase("verdict.untrusted"), Tone.BAD
    if survey.looks:
        tones = (TONES[standing] for standing, count in survey.standings.items() if count and standing.needs_look)
        return phrase("verdict.need", n=survey.looks), min(tones, key=GRAVEST_FIRST.index)
    if survey.unjudged:
        return phrase("verdict.unjudged", n=survey.unjudged), Tone.WARN
    if survey.shaky:
        return phrase("verdict.late", n=survey.shaky), Tone.WARN
    if not polled:
        return phrase("verdict.none"), Tone.WARN if notices else Tone.MUTED
    if notices:
        return phrase("verdict.attention", n=notices), Tone.WARN
    if survey.standings[Standing.NEW] == polled:
        return phrase("verdict.starting"), Tone.MUTED
    return phrase("verdict.fine"), Tone.GOOD


def _is_untrusted(row: AccountRow, survey: Survey) -> bool:
    """Return whether what the page says of an account says nothing of now: it is down or never listed, or most tasks are not read."""
    return row.is_down or row.is_never_listed or survey.unread[row.name] > survey.polled[row.name] / 2


def _rest_on_tasks(survey: Survey, worst: Glance | Cause | None) -> list[Phrase]:
    polled, standings = survey.polled.total(), survey.standings
    if not polled:
        return [phrase("rest.none")]
    if standings[Standing.NEW] == polled:
        return [phrase("rest.starting", n=polled)]
    counts = {
        "blocked": (Standing.BLOCKED, standings[Standing.BLOCKED]),
        "failing": (Standing.FAILING, standings[Standing.FAILING]),
        "overdue": (Standing.OVERDUE, standings[Standing.OVERDUE]),
        "never_read": (Standing.LATE, survey.never_read),
        "late": (Standing.LATE, standings[Standing.LATE] - survey.never_read),
        "new": (Standing.NEW, standings[Standing.NEW]),
    }
    said = [
        phrase(f"rest.{key}", n=count)
        for key, (standing, count) in counts.items()
        if count and not (isinstance(worst, Cause) and worst.is_all_of(standing, standings[standing]))
    ]
    said += [
        phrase("rest.empty", n=len(each.tasks), why=why_empty([task.stats for task in each.tasks]))
        for each in survey.causes.values()
        if each.tasks[0].standing is Standing.EMPTY
    ]
    if survey.active:  # of those that cannot be read nothing can be said
        low, kind = survey.low, "running" if survey.running == survey.active else "active"
        said.append(phrase(f"rest.{'low' if low else 'no_low'}_{kind}", n=low, of=survey.active))
    if survey.unjudged:
        said.append(phrase("rest.unjudged", n=survey.unjudged))
    if survey.inbound:
        said.append(phrase("rest.inbound", n=survey.inbound))
    return said or ([] if survey.unread.total() else [phrase("rest.idle")])


def _rest_on_accounts(survey: Survey, accounts: Sequence[AccountRow]) -> list[Phrase]:
    down = [row for row in accounts if row.is_down]
    if len(down) == 1:
        return [phrase("rest.account_down", account=down[0].name)]
    if down:
        key = "rest.all_accounts_down" if len(down) == len(accounts) else "rest.accounts_down"
        return [phrase(key, n=len(down), of=len(accounts))]
    if not any(row.status.up is not None for row in accounts):
        return [phrase("rest.not_called")]
    troubled = [row for row in accounts if row.tone in (Tone.BAD, Tone.WARN)]
    if len(troubled) == 1:
        return [phrase("rest.account_trouble", account=troubled[0].name)]
    if troubled:
        return [phrase("rest.accounts_trouble", n=len(troubled), of=len(accounts))]
    if unpolled := sum(not row.polled for row in accounts):
        key = "rest.unpolled" if unpolled == len(accounts) else "rest.some_unpolled"
        return [phrase(key, n=unpolled, of=len(accounts))]
    is_collecting = survey.standings[Standing.NEW] < survey.polled.total()
    is_well = not any(survey.standings[each] for each in (Standing.FAILING, Standing.OVERDUE, Standing.LATE))
    return [phrase("rest.served")] if is_collecting and is_well else []


def format_notices(survey: Survey) -> list[Problem]:
    """Return that answers of running tasks lack documented fields, if so."""
    if not survey.missing:
        return []
    most = max(survey.missing.values())
    return [Problem(phrase("exporter.missing", n=most, fields=show_fields(sorted(survey.missing))), Tone.WARN)]


def exporter_notices(exporter: Exporter) -> list[Problem]:
    """Return what is wrong with the exporter itself, and that it has only a part of the tasks, if so."""
    notices = [
        Problem(phrase(f"exporter.broken_{what}", since=Moment(broken.since)), Tone.WARN, "; ".join(broken.faults))
        for what, broken in exporter.broken.items()
    ]
    shard = exporter.shard
    part = {"number": shard.ordinal + 1, "ordinal": shard.ordinal, "total": shard.total}
    if not shard.is_active:
        notices.append(Problem(phrase("exporter.no_shard", **part), Tone.WARN))
    elif shard.total > 1:
        notices.append(Problem(phrase("exporter.shard", **part), Tone.WARN, is_meant=True))
    return notices
