"""The verdict of the overview, and the notices on the exporter itself."""

from __future__ import annotations

from dataclasses import replace

from exporter.api.errors import Failure
from exporter.api.model import TaskState, TaskStats
from exporter.metrics.records import PollOutcome
from exporter.metrics.trouble import Trouble
from exporter.polling.facts import AccountFacts
from exporter.polling.shards import Shard
from exporter.web.exporter import Broken
from exporter.web.pages.account_rows import Tone
from exporter.web.pages.verdict import exporter_notices
from tests.support.exporter import FakeExporter
from tests.support.pages import BLOCKED, ENGLISH, FAILED, INTERVAL, LOW, NOW, REFUSED, Filled, stats


def test_the_verdict_is_one_word_and_the_rest(filled: Filled) -> None:
    """Fine, so many tasks need you, or cannot be trusted; then what is known, in one sentence by plain rules."""
    assert filled.verdict() == ("No task is polled. no task is polled; the account has no task to poll", Tone.MUTED)
    filled.task("a")
    starting = "Starting. the first round of polls is under way, 1 task to go"
    assert filled.verdict() == (starting, Tone.MUTED)
    filled.task("a", stats(0.5))
    well = "Fine. none of 1 running task is below its answer-rate threshold; collecting normally"
    assert filled.verdict() == (well, Tone.GOOD)
    filled.task("b", stats(0.5), trouble=LOW)
    low = "1 task needs you. 1 of 2 running tasks is below its answer-rate threshold; collecting normally"
    assert filled.verdict() == (low, Tone.BAD)
    filled.fail("c")
    both = "2 tasks need you. 1 task cannot be read; 1 of 2 running tasks is below its answer-rate threshold"
    assert filled.verdict() == (both, Tone.BAD)
    filled.task("b", stats(0.5), trouble=BLOCKED)
    blocked = "2 tasks need you. the carrier blocks many calls of 1 task; 1 task cannot be read; "
    below = f"{blocked}1 of 2 running tasks is below its answer-rate threshold"
    assert filled.verdict() == (below, Tone.BAD)  # what is blocked can be below as well
    filled.task("b", stats(0.5), trouble=Trouble(blocked=BLOCKED.blocked))
    assert filled.verdict() == (f"{blocked}none of 2 running tasks is below its answer-rate threshold", Tone.BAD)
    filled.now += 750
    assert filled.verdict() == ("Cannot be trusted. 1 task cannot be read; 2 tasks are overdue", Tone.BAD)


def test_one_failed_poll_is_said_but_is_no_alarm(filled: Filled) -> None:
    """Nobody is called for it, and what the task was before still counts."""
    filled.task("a", stats(0.5))
    filled.task("a", FAILED)
    said, tone = filled.verdict()
    assert (
        said
        == "Fine. 1 task has not been read at the last try; none of 1 running task is below its answer-rate threshold"
    )
    assert tone is Tone.GOOD


def test_a_task_that_was_never_read_is_not_called_fine(filled: Filled) -> None:
    """In orange from its first failed poll on; of most tasks of an account, nothing is to be trusted after the second."""
    task = filled.task("a", FAILED)
    assert filled.verdict() == ("1 task has no new data. 1 task has never been read", Tone.WARN)
    filled.store.record_poll(task, FAILED, INTERVAL)
    assert filled.verdict() == ("Cannot be trusted. 1 task has never been read", Tone.BAD)
    filled.task("b", stats(0.5))
    said, tone = filled.verdict()
    assert said.startswith("1 task has no new data. 1 task has never been read; none of 1 running task is below")
    assert tone is Tone.WARN


def test_polls_that_fail_again_and_again_are_not_called_fine(filled: Filled) -> None:
    """One is nothing; two are said in orange, long before an alert."""
    task = filled.task("a", stats(0.5))
    filled.store.record_poll(task, FAILED, INTERVAL)
    assert filled.verdict()[1] is Tone.GOOD
    filled.store.record_poll(task, FAILED, INTERVAL)
    said, tone = filled.verdict()
    assert said.startswith("1 task has no new data. 1 task has not been read at the last try; ")
    assert tone is Tone.WARN


def test_nothing_running_is_fine_too(filled: Filled) -> None:
    """It is said, since it may not be meant."""
    filled.task("a", stats(0.5), TaskState.PAUSED)
    assert filled.verdict() == ("Fine. no task is running; collecting normally", Tone.GOOD)


def test_running_tasks_without_calls_and_numbers_are_not_called_fine(filled: Filled) -> None:
    """The verdict has their number and why, and does not count them among those whose answer rate is well."""
    filled.task("a", stats(0.3))
    filled.task("b", TaskStats(missing=("answer_rate", "number_status"), unknown=("callRate",)))
    filled.task("c", TaskStats(missing=("answer_rate",)))
    whys = (
        "the answer lacks answer_rate, number_status, and has unknown fields instead: callRate",
        "the answer lacks answer_rate",
    )
    well = "none of 1 running task is below its answer-rate threshold; collecting normally"
    each = "1 running task is read, but has neither calls nor numbers"
    empty = f"2 tasks need you. {'; '.join(f'{each} ({why})' for why in whys)}"
    assert filled.verdict() == (f"{empty}; {well}", Tone.WARN)
    assert filled.names(show="look") == ["b", "c"]
    assert filled.worst() == "b: read, but with neither calls nor numbers"
    filled.store.forget(filled.task("a").ref)
    assert filled.verdict() == (f"{empty}; collecting normally", Tone.WARN)


def test_a_task_that_cannot_be_judged_is_not_called_fine(filled: Filled) -> None:
    """Without both outcomes nothing is above a threshold; the fields that are missing need attention, as the alert says."""
    filled.task("a", stats(0.5))
    filled.task("b", TaskStats(answered=2, missing=("answer_rate.noAnswer", "number_status")))
    view = filled.overview()
    said, tone = filled.verdict()
    assert said.startswith("1 task cannot be judged. none of 1 running task is below its answer-rate threshold; ")
    assert said.endswith("; the answers of 1 running task lack calls or numbers; collecting normally")
    assert tone is Tone.WARN
    assert ENGLISH(view.notices[0].words).startswith(
        "The platform's answers for 1 running task lack documented fields: answer_rate.noAnswer, number_status."
    )
    assert view.all_well == 0
    problems = {row.seen.record.status.task.name: row.problem and ENGLISH(row.problem) for row in view.rows}
    why = "It was read, but its calls cannot be judged: the answer lacks answer_rate.noAnswer, number_status."
    assert problems == {"a": None, "b": why}


def test_other_missing_fields_need_attention(filled: Filled) -> None:
    """The tasks are judged all the same; what the older edition of the documentation does not have is not missing."""
    filled.task("a", replace(stats(0.5), missing=("tags", "llm_tags")))
    assert filled.verdict()[0].startswith("Fine. ")
    filled.task("a", replace(stats(0.5), missing=("intention.percent",)))
    said, tone = filled.verdict()
    assert said.startswith("Tasks fine, 1 thing needs attention. none of 1 running task is below")
    assert tone is Tone.WARN


def test_the_worst_is_named_with_what_and_for_how_long(filled: Filled) -> None:
    """By its name; or as one line, if it shares its cause with others."""
    filled.task("well", stats(0.5))
    filled.task("low", stats(0.5), trouble=LOW)
    assert filled.worst() == "low: 10% answered, the threshold is 20%, for 14 min"
    filled.task("blocked", stats(0.5), trouble=BLOCKED)
    assert filled.worst() == "blocked: 84% blocked by the carrier, for 14 min"


def test_a_cause_that_several_share_is_the_worst_as_one(filled: Filled) -> None:
    """A task alone is named, several are counted, and the rest does not count them again."""
    refused = PollOutcome(failure=Failure("http_5xx", "the platform answered HTTP 502 Bad Gateway"))
    for index in range(5):
        filled.task("x" * index, stats(0.5))
    filled.fail("broken", outcome=refused)
    assert filled.worst() == "broken: cannot be read: the platform answers HTTP 5xx, for 5 min"
    filled.fail("b", "c", outcome=refused)
    assert filled.worst() == "3 tasks cannot be read: the platform answers HTTP 5xx, since 12:48:20 UTC+8"
    assert "cannot be read" not in filled.verdict()[0]


def test_what_says_nothing_of_now_cannot_be_trusted(filled: Filled) -> None:
    """An account that is down, or most of whose tasks are not read, whatever the others say."""
    filled.task("a", stats())
    filled.account("second", up=False, failure=REFUSED)
    assert filled.verdict()[0].startswith("Cannot be trusted. ")
    assert filled.verdict()[0].endswith("; account second cannot use the platform")
    filled.account("third", up=False, failure=REFUSED)
    assert filled.verdict() == (
        "Cannot be trusted. none of 1 running task is below its answer-rate threshold; 2 of 3 accounts cannot use the platform",
        Tone.BAD,
    )
    filled.account("main", up=False, failure=REFUSED)
    for name in "abc":
        filled.task(name, FAILED)
    assert (
        filled.worst() == "The last polls of 3 tasks failed: the platform does not answer in time, since 12:53:20 UTC+8"
    )
    assert filled.verdict()[0].endswith("; none of 3 accounts can use the platform")


def test_an_account_without_polled_tasks_is_not_called_polled(filled: Filled) -> None:
    """Whoever is served but has nothing that is polled is counted as that; a problem is named without more."""
    filled.account("second")
    filled.task("a", stats(0.5))
    filled.task("b", state=TaskState.PAUSED, account="second", polled=False)
    well = "none of 1 running task is below its answer-rate threshold"
    assert filled.verdict() == (f"Fine. {well}; 1 of 2 accounts has no task to poll", Tone.GOOD)
    filled.account("second", tasks_left_out=1)
    assert filled.verdict() == (
        f"Tasks fine, 1 thing needs attention. {well}; account second needs attention",
        Tone.WARN,
    )
    filled.task("b", stats(0.5), account="second")
    filled.account("second")
    assert filled.verdict()[0].endswith("; collecting normally")


def test_without_a_polled_task_the_tasks_are_not_called_fine(filled: Filled) -> None:
    """No task is polled, in orange if anything needs attention; before any list was read, nothing is to be trusted."""
    filled.account(tasks_left_out=1)
    said, tone = filled.verdict()
    assert said.startswith("No task is polled. ")
    assert tone is Tone.WARN
    filled.facts["main"] = AccountFacts(
        calls_needed=1, calls_allowed=9, discovery_failure=Failure("http_5xx", "HTTP 502")
    )
    filled.account(discovery_interval=300.0)
    said, tone = filled.verdict()
    assert said.startswith("Cannot be trusted. ")
    assert tone is Tone.BAD
    filled.account(discovery_interval=300.0, discovery_last_success=NOW)
    assert filled.verdict()[0].startswith("No task is polled. ")


def test_inbound_tasks_are_counted_for_themselves(filled: Filled) -> None:
    """They have no threshold, so that none is below it is not said of them."""
    filled.task("a", stats(0.1), kind="inbound")
    assert filled.verdict() == ("Fine. 1 inbound task is active; collecting normally", Tone.GOOD)
    filled.task("b", stats(0.5))
    well = "none of 1 running task is below its answer-rate threshold"
    assert filled.verdict() == (f"Fine. {well}; 1 inbound task is active; collecting normally", Tone.GOOD)


def test_what_needs_attention_beside_the_tasks_is_counted(filled: Filled) -> None:
    """Problems of accounts and of the exporter; that it is one of several shards is none."""
    filled.task("a", stats())
    filled.notices += exporter_notices(FakeExporter(filled.store, shard=Shard(0, 3)))
    assert filled.verdict()[0].startswith("Fine.")
    broken = {"web": Broken(NOW - 60, ["x"])}
    filled.notices += exporter_notices(FakeExporter(filled.store, broken=broken))
    filled.facts["main"] = AccountFacts(calls_needed=600, calls_allowed=300)
    said, tone = filled.verdict()
    assert said.startswith("Tasks fine, 2 things need attention. ")
    assert said.endswith("; account main needs attention")
    assert tone is Tone.WARN


def test_what_is_wrong_with_the_exporter_is_said_in_the_words_of_the_log(filled: Filled) -> None:
    """A failed reload, a broken web configuration and a shard that is none; each in orange."""
    broken = {"all": Broken(NOW, ["pol: unknown key", "x: out of range"]), "web": Broken(NOW - 60, ["no such file"])}
    said = exporter_notices(FakeExporter(filled.store, broken=broken, shard=Shard(3, 3)))
    assert [(ENGLISH(each.words).partition(";")[0], each.detail) for each in said] == [
        ("The reload failed (since 12:53:20 UTC+8)", "pol: unknown key; x: out of range"),
        ("The web configuration is broken (since 12:52:20 UTC+8)", "no such file"),
        ("shard.ordinal is 3, but shard.total is 3: no task belongs to this exporter.", ""),
    ]
    (shard,) = exporter_notices(FakeExporter(filled.store, shard=Shard(0, 3)))
    assert ENGLISH(shard.words).startswith("This is shard 1 of 3")
    assert {each.tone for each in (*said, shard)} == {Tone.WARN}
    assert exporter_notices(FakeExporter(filled.store)) == []
