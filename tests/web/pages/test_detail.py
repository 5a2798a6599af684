"""The page of one task as values."""

from __future__ import annotations

from exporter.api.errors import Failure
from exporter.api.model import Task, TaskRef, TaskState, TaskStats, parse_stats
from exporter.lists.choices import Choice, HidingSetting
from exporter.metrics.records import PollOutcome, WindowStats
from exporter.polling.facts import AccountFacts
from exporter.web.pages import detail
from exporter.web.pages.detail import Missing
from tests.support.pages import ENGLISH, FAILED, INTERVAL, NOW, STALE_AFTER, Filled, stats


def test_a_task_s_page_has_the_very_lines_of_metrics(filled: Filled) -> None:
    """The lines are those of a scrape, and every value of them is shown."""
    task = filled.task('回访\n"}', PollOutcome(stats(0.25, connected=7), (WindowStats("today", stats(0.5), NOW + 9),)))
    other = filled.task("other", stats())
    scrape = b"".join(filled.page().pieces(filled.store.records(), filled.now, openmetrics=False)).decode().splitlines()
    view = filled.detail(task)
    mine = [line for line in scrape if task.ref.id in line]
    assert [line for line in view.lines.splitlines() if not line.startswith("#")] == mine
    assert other.ref.id not in view.lines
    assert sum(len(each.samples) for each in view.present) == len(mine)
    samples = {
        (each.name, *sorted(sample.labels.items())): sample.value for each in view.present for sample in each.samples
    }
    own = (("account", "main"), ("task", task.ref.id))
    assert samples["yunfu_task_numbers", own[0], ("status", "connected"), own[1]] == 7
    assert samples["yunfu_task_window_answer_ratio", *own, ("window", "today")] == 0.5
    assert any(label == ("name", '回访\n"}') for key in samples for label in key[1:])


def test_a_task_s_page_shows_its_last_polls(filled: Filled) -> None:
    """The newest first, with time, duration and reason."""
    task = filled.task("a", stats())
    filled.now += 60
    filled.store.record_poll(task, FAILED, INTERVAL, 10.0)
    assert [(poll.at, poll.seconds, poll.reason) for poll in filled.detail(task).polls] == [
        (NOW + 60, 10.0, "timeout"),
        (NOW, 0.25, ""),
    ]


def test_unknown_fields_are_no_field_that_cannot_be_read(filled: Filled) -> None:
    """They are counted among those that cannot be read, but have a line for themselves."""
    view = filled.detail(filled.task("a", parse_stats({"answer_rate": {"answered": "x"}, "callRate": {}})))
    assert view.unread == ["answer_rate.answered"]
    assert view.unknown is not None
    assert ENGLISH(view.unknown).endswith(": callRate.")


def test_why_a_series_is_not_there_is_said(filled: Filled) -> None:
    """Each metric without a sample has its reason, and those with samples have none."""
    fresh = filled.task(
        "fresh", TaskStats(answered=1, numbers={"connected": 1}, unread={"answer_rate.taskProgress": 2})
    )
    why = filled.why_not(fresh)
    assert "yunfu_task_answered_calls" not in why
    assert why["yunfu_task_answer_ratio"] == "The platform's last answer did not contain it."
    assert "answer_rate.taskProgress" in why["yunfu_task_progress_ratio"]
    assert why["yunfu_task_llm_tag_calls"] == "The platform's last answer lists none."
    assert why["yunfu_task_concurrency_limit"].startswith("The platform's list does not contain it")
    assert why[detail.WINDOWS] == "No window is configured (windows)."

    other = filled.task(
        "other", TaskStats(numbers={"busy": 1}, missing=("answer_rate", "intention.percent"), unknown=("callRate", "x"))
    )
    why = filled.why_not(other)
    lacks = "The platform's last answer does not have the documented field at all ({}).".format
    assert why["yunfu_task_answered_calls"] == why["yunfu_task_progress_ratio"] == lacks("answer_rate")
    assert why["yunfu_task_intention_ratio"] == lacks("intention.percent")
    unknown = filled.detail(other).unknown
    assert unknown is not None
    assert ENGLISH(unknown) == "The platform's last answer has fields that the exporter does not know: callRate, x."
    assert filled.detail(fresh).unknown is None

    new = filled.task("new")
    assert set(filled.why_not(new).values()) == {"It has not been polled yet.", "No poll has worked yet."}
    paused = filled.task("paused", polled=False)
    assert filled.why_not(paused)["yunfu_task_answer_ratio"] == "The task is not polled."
    filled.now += INTERVAL + STALE_AFTER + 1
    assert filled.why_not(fresh)["yunfu_task_answered_calls"] == "The numbers were too old to be shown."
    assert "yunfu_task_up" not in filled.why_not(fresh)


def test_everything_of_a_task_that_is_gone_is_absent_for_that_reason(filled: Filled) -> None:
    """Also its name and its state, which outlast its statistics."""
    task = filled.task("a", stats())
    filled.store.mark_missing(task.ref)
    filled.now += STALE_AFTER + 1
    assert set(filled.why_not(task).values()) == {"The platform does not know the task any more."}


def test_what_is_on_metrics_is_said_in_a_sentence(filled: Filled) -> None:
    """Fresh, new, never read, not polled, stale, leaving and gone each have their answer."""
    fresh, new, failed = filled.task("a", stats()), filled.task("b"), filled.task("c", FAILED)
    paused = filled.task("d", polled=False, state=TaskState.PAUSED)
    leaving = filled.task("e", stats())
    filled.store.mark_missing(leaving.ref)
    answers = {task.name: ENGLISH(filled.detail(task).answer) for task in (fresh, new, failed, paused, leaving)}
    assert answers["a"].startswith("Everything the platform reported 0 s ago is on /metrics: 16 series.")
    assert answers["b"].startswith("The task has not been polled yet")
    assert answers["c"].startswith("No poll of the task has worked yet")
    assert "discovery.states does not include paused" in answers["d"]
    assert answers["e"].endswith("all of it leaves /metrics in 5 min.")
    filled.now += INTERVAL + STALE_AFTER + 60
    assert ENGLISH(filled.detail(fresh).answer).startswith("The statistics left /metrics 1 min ago")
    assert ENGLISH(filled.detail(leaving).answer).startswith("Nothing of this task is on /metrics any more")
    assert filled.detail(leaving).lines == ""


def test_an_unknown_task_is_explained(filled: Filled) -> None:
    """Unknown account, a task elsewhere, discovery off, not listed, too many hidden: each has its sentence."""
    task = filled.task("a", stats(), account="second")
    unknown = "0" * 8

    def said(account: str, task: str) -> str:
        missing = filled.find(account, task)
        assert isinstance(missing, Missing)
        return " ".join(map(ENGLISH, missing.sentences))

    assert said("x", unknown) == "No account is called “x”. Configured: main."
    assert said("main", unknown).endswith("only the tasks that the configuration lists are polled.")
    missing = filled.find("main", task.ref.id)
    assert isinstance(missing, Missing)
    assert missing.elsewhere == [task.ref]
    filled.account(discovery_interval=60.0)
    assert said("main", unknown).endswith("lists have not been read yet.")
    filled.account(discovery_interval=60.0, discovery_last_success=NOW - 30)
    filled.facts["main"] = AccountFacts(
        calls_needed=30, calls_allowed=300, discovery_failure=Failure("timeout", "x"), hidden_total=5
    )
    text = said("main", unknown)
    assert "read 30 s ago, do not have it" in text
    assert "did not answer in time" in text
    assert "one of 5 tasks" in text


def test_a_hidden_task_is_found(filled: Filled) -> None:
    """A task that a setting leaves out is known by its id."""
    hidden = Choice(Task(TaskRef("main", "f" * 8), min_answer_ratio=0.2, name="hidden"), "", HidingSetting.EXCLUDE)
    filled.facts["main"] = AccountFacts(calls_needed=30, calls_allowed=300, hidden={"f" * 8: hidden}, hidden_total=1)
    assert filled.find("main", "f" * 8) is hidden
