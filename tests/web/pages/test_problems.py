"""Problems of tasks in words."""

from __future__ import annotations

from dataclasses import replace

from exporter.api.errors import Failure
from exporter.api.model import TaskStats
from exporter.metrics.records import PollOutcome
from exporter.web.pages.language import Speaker
from exporter.words.pages import WORDS
from tests.support.pages import BLOCKED, ENGLISH, FAILED, INTERVAL, LOW, REFUSED, Filled, stats

CHINESE = Speaker("zh", ENGLISH.timezone)


def test_an_overdue_task_is_laid_to_its_account_if_that_is_down(filled: Filled) -> None:
    """Numbers that left /metrics are explained by the account that is not served, else by the quota."""
    filled.task("a", stats())
    filled.now += 750
    (row,) = filled.overview().rows
    assert row.problem is not None
    assert "quota" in ENGLISH(row.problem)
    filled.account(up=False, failure=REFUSED)
    (row,) = filled.overview().rows
    assert row.problem is not None
    assert "its account cannot use the platform" in ENGLISH(row.problem)


def test_a_failing_task_says_what_the_platform_says(filled: Filled) -> None:
    """The platform's own message stands after what it means, in the sentence and not in the failure beside it."""
    filled.task("a", PollOutcome(failure=Failure("api_error", "code 500", said="余额{不足}")))
    (row,) = filled.overview().rows
    assert row.problem is not None
    assert ENGLISH(row.problem).endswith(" The platform says: “余额{不足}”")
    assert replace(ENGLISH, language="zh")(row.problem).endswith("平台提示：“余额{不足}”")
    failure = row.seen.record.status.failure
    assert failure is not None
    assert failure.summary == "api_error: code 500"


def test_a_token_that_is_refused_for_one_task_is_not_called_refused(filled: Filled) -> None:
    """While its account is served, the task is what is looked at; with the account down, it is the token."""
    filled.fail("a", outcome=PollOutcome(failure=REFUSED))
    (row,) = filled.overview().rows
    assert row.problem is not None
    assert ENGLISH(row.problem).startswith("The platform does not accept the token for this task, but for others.")
    filled.account(up=False, failure=REFUSED)
    (row,) = filled.overview().rows
    assert row.problem is not None
    assert ENGLISH(row.problem).startswith("The platform does not accept the token. Put a new one")


def test_a_running_task_with_neither_calls_nor_numbers_says_why(filled: Filled) -> None:
    """What the answer lacks, what it has instead, what cannot be read of it, or that the platform reports none."""
    causes = {
        "lacking": TaskStats(missing=("answer_rate", "number_status.status", "tags")),
        "renamed": TaskStats(missing=("answer_rate", "number_status"), unknown=("callRate", "numbers")),
        "odd": TaskStats(unread={"answer_rate.answered": 1, "unknown": 1}, missing=("tags", "llm_tags")),
        "none": TaskStats(missing=("tags", "llm_tags"), unknown=("extra",)),
    }
    for name, cause in causes.items():
        filled.task(name, cause)
    said = {
        row.seen.record.status.task.name: ENGLISH(row.problem)
        for row in filled.overview(sort="name").rows
        if row.problem
    }
    begin = "It is running and was read, but has neither calls nor numbers: "
    assert said == {
        "lacking": f"{begin}the answer lacks answer_rate, number_status.status.",
        "renamed": f"{begin}the answer lacks answer_rate, number_status, and has unknown fields instead: callRate, numbers.",
        "odd": f"{begin}the answer's answer_rate.answered cannot be read.",
        "none": f"{begin}the platform reports none.",
    }


def test_trouble_says_since_when_how_much_and_of_how_many(filled: Filled) -> None:
    """Over the span by which it was judged, in both languages."""
    for name, trouble in (("low", LOW), ("blocked", BLOCKED)):
        filled.task(name, stats(), trouble=trouble)
    problems = [row.problem for row in filled.overview().rows if row.problem]
    blocked = "Since 12:39:20 UTC+8, the carrier blocks many calls: 84% of 100 results in the last 30 min."
    assert [ENGLISH(each) for each in problems] == [
        f"{blocked} Calling on now only burns through the list.",
        "Since 12:39:20 UTC+8, too few calls are answered: 10% of 120 calls in the last 10 min; the threshold is 20%.",
    ]
    assert (
        CHINESE(problems[1]) == "自 12:39:20 UTC+8 起接通率过低：最近 10 分钟的 120 通呼叫，接通率 10%，低于阈值 20%。"
    )


def test_what_is_no_alarm_yet_says_so(filled: Filled) -> None:
    """How many polls have failed and why; or that the next success is overdue."""
    task = filled.task("a", FAILED)
    said = []
    for _ in range(2):
        (row,) = filled.overview().rows
        assert row.problem is not None
        said.append(ENGLISH(row.problem))
        filled.store.record_poll(task, FAILED, INTERVAL)
    assert said == [
        f"Its last poll failed. {WORDS['reason.timeout'].en}",
        f"Its last 2 polls failed. {WORDS['reason.timeout'].en}",
    ]
    filled.task("a", stats())
    filled.now += 400
    (row,) = filled.overview().rows
    assert row.problem is not None
    assert ENGLISH(row.problem) == "Its next poll is overdue by 5 min, although the last one worked."
