"""The overview as values: verdict, sorting, filters and pages."""

from __future__ import annotations

import pytest

from exporter.api.model import Task, TaskRef, TaskState, TaskStats
from exporter.polling.discovery import Choice, HidingRule
from exporter.polling.facts import AccountFacts
from exporter.web.pages.account_rows import Tone
from exporter.web.pages.overview import PER_PAGE
from tests.support.pages import FAILED, INTERVAL, STALE_AFTER, Filled, stats


def test_the_verdict_counts_what_needs_a_look(filled: Filled) -> None:
    """Tasks first, then the accounts: one sentence by plain rules."""
    assert filled.verdict() == ("no task is polled; the account has no task to poll", Tone.MUTED)
    filled.task("a")
    assert filled.verdict() == (
        "the first round of polls is under way, 1 task to go; the account is being polled",
        Tone.MUTED,
    )
    filled.task("a", stats(0.5))
    assert filled.verdict() == (
        "none of 1 running task is below its answer-rate threshold; the account is being polled",
        Tone.GOOD,
    )
    filled.task("b", stats(0.1))
    assert filled.verdict() == (
        "1 of 2 running tasks is below its answer-rate threshold; the account is being polled",
        Tone.WARN,
    )
    filled.task("c", FAILED)
    assert filled.verdict() == (
        "1 task cannot be read; 1 of 2 running tasks is below its answer-rate threshold; the account is being polled",
        Tone.BAD,
    )
    filled.now += INTERVAL + STALE_AFTER + 1
    assert filled.verdict() == ("1 task cannot be read; 2 tasks are overdue; the account is being polled", Tone.BAD)


def test_an_account_without_polled_tasks_is_not_called_polled(filled: Filled) -> None:
    """Whoever is served but has nothing that is polled is counted as that; a problem is named without more."""
    filled.account("second")
    filled.task("a", stats(0.5))
    filled.task("b", state=TaskState.PAUSED, account="second", polled=False)
    well = "none of 1 running task is below its answer-rate threshold"
    assert filled.verdict() == (f"{well}; 1 of 2 accounts has no task to poll", Tone.GOOD)
    filled.account("second", tasks_left_out=1)
    assert filled.verdict() == (f"{well}; account second has a problem", Tone.WARN)
    filled.task("b", stats(0.5), account="second")
    filled.account("second")
    assert filled.verdict()[0].endswith("; all accounts are being polled")


def test_running_tasks_without_calls_and_numbers_are_not_called_fine(filled: Filled) -> None:
    """The verdict has their number and why, and does not count them among those whose answer rate is well."""
    filled.task("a", stats(0.3))
    filled.task("b", TaskStats(missing=("answer_rate", "number_status"), unknown=("callRate",)))
    filled.task("c", TaskStats(missing=("answer_rate",)))
    why = "the answer lacks answer_rate, number_status, and has unknown fields instead: callRate"
    well = "none of 1 running task is below its answer-rate threshold; the account is being polled"
    empty = f"2 running tasks are read, but have neither calls nor numbers ({why})"
    assert filled.verdict() == (f"{empty}; {well}", Tone.WARN)
    assert filled.names(show="look") == ["b", "c"]
    filled.store.forget(filled.task("a").ref)
    assert filled.verdict() == (f"{empty}; the account is being polled", Tone.WARN)


def fill(filled: Filled) -> None:
    """Add tasks of all standings."""
    filled.task("fine", stats(0.9, calls=50))
    filled.task("better", stats(0.95, calls=40, progress=0.1))
    filled.task("low", stats(0.1, calls=300))
    filled.task("lower", stats(0.05, calls=200))
    filled.task("broken", FAILED)
    filled.task("new")
    filled.task("paused", state=TaskState.PAUSED, polled=False)
    leaving = filled.task("leaving", stats(0.5))
    filled.store.mark_missing(leaving.ref)


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("", ["broken", "lower", "low", "new", "fine", "better", "leaving", "paused"]),
        ("-worst", ["paused", "leaving", "better", "fine", "new", "low", "lower", "broken"]),
        ("name", ["better", "broken", "fine", "leaving", "low", "lower", "new", "paused"]),
        ("-name", ["paused", "new", "lower", "low", "leaving", "fine", "broken", "better"]),
        ("nonsense", ["broken", "lower", "low", "new", "fine", "better", "leaving", "paused"]),
    ],
)
def test_tasks_are_sorted(filled: Filled, sort: str, names: list[str]) -> None:
    """The worst first, or by a column, or the other way round."""
    fill(filled)
    assert filled.names(sort=sort) == names


def test_columns_sort_by_their_values(filled: Filled) -> None:
    """Answer rate, progress, calls, age and state go by value, what has none at the end that says least."""
    fill(filled)
    assert filled.names(sort="answer")[:4] == ["lower", "low", "leaving", "fine"]
    assert filled.names(sort="-progress")[-4] == "better"
    assert filled.names(sort="-numbers")[:4] == ["leaving", "low", "lower", "fine"]
    assert filled.names(sort="state")[-1] == "paused"
    filled.now += 5
    filled.task("fine", stats())
    assert filled.names(sort="-age")[0] == "fine"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"q": "LOW"}, ["lower", "low"]),
        ({"q": "00000152"}, ["low"]),
        ({"show": "look"}, ["broken", "lower", "low"]),
        ({"show": "unpolled"}, ["leaving", "paused", "hidden"]),
        ({"state": "paused"}, ["paused"]),
        ({"state": "nonsense", "q": "fine"}, ["fine"]),
        ({"account": "other"}, []),
        ({"q": "hidd"}, ["hidden"]),
        ({"q": "hidd", "show": "look"}, []),
        ({"q": "hidd", "account": "other"}, []),
        ({"show": "unpolled", "state": "waiting"}, ["hidden"]),
    ],
)
def test_tasks_are_filtered(filled: Filled, query: dict[str, str], names: list[str]) -> None:
    """By text in name or id, account, state and need; hidden tasks are found by a text and among those not polled."""
    fill(filled)
    hidden = Choice(
        Task(TaskRef("main", "f" * 8), min_answer_ratio=0.2, name="hidden", state=TaskState.WAITING),
        "",
        HidingRule.MAX_TASKS,
    )
    filled.facts["main"] = AccountFacts(calls_needed=30, calls_allowed=300, hidden={"f" * 8: hidden}, hidden_total=1)
    assert filled.names(**query) == names


def test_a_task_of_another_shard_is_found_but_not_counted_as_unpolled(filled: Filled) -> None:
    """Another exporter polls it: who looks for it finds it, who looks for tasks that nobody polls does not."""
    elsewhere = Choice(Task(TaskRef("main", "f" * 8), min_answer_ratio=0.2, name="elsewhere"), "", HidingRule.SHARD)
    filled.facts["main"] = AccountFacts(calls_needed=30, calls_allowed=300, hidden={"f" * 8: elsewhere}, hidden_total=1)
    assert filled.names(show="unpolled") == []
    assert filled.names(q="elsewhere") == ["elsewhere"]


def test_pages_are_cut_on_the_server(filled: Filled) -> None:
    """Fifty tasks a page, hidden ones after the others; a page past the last is the last."""
    for index in range(120):
        filled.task(f"{'x' * index}", stats())
    hidden = {
        str(i): Choice(Task(TaskRef("main", str(i)), min_answer_ratio=0.2, name="x"), "", HidingRule.INCLUDE)
        for i in range(7)
    }
    filled.facts["main"] = AccountFacts(calls_needed=30, calls_allowed=300, hidden=hidden, hidden_total=7)
    counts = {page: filled.overview(page=page, q="x") for page in ("1", "2", "3", "99", "-1", "x", "9" * 30)}
    assert [(len(view.rows), len(view.hidden), view.first) for view in counts.values()] == [
        (50, 0, 1),
        (50, 0, 51),
        (19, 7, 101),
        (19, 7, 101),
        (50, 0, 1),
        (50, 0, 1),
        (50, 0, 1),
    ]
    assert {(view.total, view.pages, view.known) for view in counts.values()} == {(126, 3, 120)}
    assert PER_PAGE == 50
