"""The overview as values: sorting, filters, shared causes and pages."""

from __future__ import annotations

import pytest

from exporter.api.model import Task, TaskRef, TaskState, TaskStats
from exporter.lists.choices import Choice, HidingSetting
from exporter.metrics.recent_calls import Part
from exporter.metrics.trouble import Finding, Trouble
from exporter.polling.facts import AccountFacts
from exporter.web.pages.overview import PER_PAGE
from tests.support.pages import BLOCKED, FAILED, LOW, NOW, Filled, stats

LOWER = Trouble(low=Finding(NOW - 600, 600, Part(6.0, 120.0)))


def fill(filled: Filled) -> None:
    """Add tasks of all standings."""
    filled.task("fine", stats(0.9, calls=50))
    filled.task("better", stats(0.95, calls=40, progress=0.1))
    filled.task("low", stats(0.1, calls=300), trouble=LOW)
    filled.task("lower", stats(0.05, calls=200), trouble=LOWER)
    filled.task("blocked", stats(0.92, calls=45), trouble=BLOCKED)
    filled.fail("broken")
    filled.task("new")
    filled.task("paused", state=TaskState.PAUSED, polled=False)
    leaving = filled.task("leaving", stats(0.5))
    filled.store.mark_missing(leaving.ref)


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("", ["blocked", "lower", "low", "broken", "new", "fine", "better", "leaving", "paused"]),
        ("-worst", ["paused", "leaving", "better", "fine", "new", "broken", "low", "lower", "blocked"]),
        ("name", ["better", "blocked", "broken", "fine", "leaving", "low", "lower", "new", "paused"]),
        ("-name", ["paused", "new", "lower", "low", "leaving", "fine", "broken", "blocked", "better"]),
        ("nonsense", ["blocked", "lower", "low", "broken", "new", "fine", "better", "leaving", "paused"]),
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
        ({"show": "look"}, ["blocked", "lower", "low", "broken"]),
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
        HidingSetting.MAX_TASKS,
    )
    filled.facts["main"] = AccountFacts(calls_needed=30, calls_allowed=300, hidden={"f" * 8: hidden}, hidden_total=1)
    assert filled.names(**query) == names


def test_a_task_of_another_shard_is_found_but_not_counted_as_unpolled(filled: Filled) -> None:
    """Another exporter polls it: who looks for it finds it, who looks for tasks that nobody polls does not."""
    elsewhere = Choice(Task(TaskRef("main", "f" * 8), min_answer_ratio=0.2, name="elsewhere"), "", HidingSetting.SHARD)
    filled.facts["main"] = AccountFacts(calls_needed=30, calls_allowed=300, hidden={"f" * 8: elsewhere}, hidden_total=1)
    assert filled.names(show="unpolled") == []
    assert filled.names(q="elsewhere") == ["elsewhere"]


def test_pages_are_cut_on_the_server(filled: Filled) -> None:
    """Fifty tasks a page, hidden ones after the others; a page past the last is the last."""
    for index in range(120):
        filled.task(f"{'x' * index}", stats())
    hidden = {
        str(i): Choice(Task(TaskRef("main", str(i)), min_answer_ratio=0.2, name="x"), "", HidingSetting.INCLUDE)
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


def test_all_tasks_are_fine_only_if_each_was_read(filled: Filled) -> None:
    """One that was not polled yet, or whose last poll failed, is not; one that is not polled does not matter."""
    filled.task("unpolled", polled=False)
    assert filled.overview().all_well == 0
    filled.task("a", stats())
    assert filled.overview().all_well == 1
    filled.task("b")
    assert filled.overview().all_well == 0
    filled.task("b", FAILED)
    assert filled.overview().all_well == 0


def test_tasks_that_share_a_cause_are_one_line(filled: Filled) -> None:
    """They are not among the rows, but the line leads to them, and whoever looks for one or sorts otherwise finds it."""
    filled.fail(*"abc")
    for name in "de":
        filled.task(name, TaskStats())
    filled.task("fine", stats())
    view = filled.overview()
    assert [(each.key, each.count) for each in view.causes] == [("failing-timeout", 3)]
    assert filled.names() == ["d", "e", "fine"]
    assert filled.names(show="look") == ["d", "e"]
    assert filled.names(q="b") == ["b"]
    assert filled.names(sort="name") == ["a", "b", "c", "d", "e", "fine"]
    assert filled.names(cause="failing-timeout") == ["a", "b", "c"]
    assert filled.names(cause="empty-nothing") == ["d", "e"]
    assert filled.names(cause="nonsense") == []
    assert [each.key for each in filled.overview(cause="failing-timeout").causes] == ["failing-timeout"]
    assert filled.overview(account="other").causes == []
    assert (view.total, view.known) == (3, 6)


def test_a_paused_account_s_tasks_say_so(filled: Filled) -> None:
    """Each row of the account has the moment when it goes on, and no row of another one."""
    filled.account("second")
    filled.task("a", stats())
    filled.task("b", stats(), account="second")
    filled.facts["main"] = AccountFacts(calls_needed=30, calls_allowed=300, held_seconds=40)
    paused = {row.seen.record.status.task.name: row.paused_until for row in filled.overview().rows}
    assert paused == {"a": NOW + 40, "b": None}
