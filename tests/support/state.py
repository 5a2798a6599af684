"""Helpers for tests of the state file: tasks with everything that is saved, and a process that writes until it is killed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeVar

from hypothesis import strategies as st

from exporter.api.errors import Failure
from exporter.api.model import Task, TaskRef, TaskState, TaskStats
from exporter.metrics.counters import Fall, Sums
from exporter.metrics.recent_calls import Part
from exporter.metrics.trouble import Finding, Trouble
from exporter.state.saved import SavedAccount, SavedTask, SavedWindow
from exporter.state.state_file import StateFile

STATS: Final = TaskStats(answered=61, unanswered=6, answer_ratio=0.9104, numbers={"busy": 3}, tag_calls={"感兴趣": 1})
ACCOUNT: Final = SavedAccount("main", 1_751_000_000.5)

Result = TypeVar("Result")

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_COUNTS = st.integers(0, 2**53)
_BY_LABEL = st.dictionaries(_TEXTS, _COUNTS, max_size=4)
_RATIOS = st.floats(0, 1)
ANY_STATS = st.builds(
    TaskStats,
    answered=st.none() | _COUNTS,
    unanswered=st.none() | _COUNTS,
    answer_ratio=st.none() | _RATIOS,
    progress_ratio=st.none() | _RATIOS,
    numbers=_BY_LABEL,
    intention_calls=_BY_LABEL,
    intention_ratios=st.dictionaries(_TEXTS, _RATIOS, max_size=4),
    round_calls=_BY_LABEL,
    tag_calls=_BY_LABEL,
    llm_tag_calls=_BY_LABEL,
    unread=_BY_LABEL,
    missing=st.lists(_TEXTS, max_size=3).map(tuple),
    unknown=st.lists(_TEXTS, max_size=3).map(tuple),
)
_TIMES = st.floats(allow_nan=False)
_WINDOWS = st.dictionaries(_TEXTS, st.builds(SavedWindow, ANY_STATS, _TIMES, _TIMES, _TIMES), max_size=2)
_REFS = st.builds(TaskRef, _TEXTS, _TEXTS, st.none() | _TEXTS.filter(bool))
_TASKS = st.builds(
    Task, _REFS, min_answer_ratio=_RATIOS, name=_TEXTS, state=st.sampled_from(TaskState), created=st.none() | _TIMES
)
_SUMS = st.floats(0, 1e9)
_FINDINGS = st.builds(Finding, _SUMS, st.integers(0, 86_400), st.builds(Part, _SUMS, _SUMS))
ANY_TASK = st.builds(
    SavedTask,
    _TASKS,
    up=st.none() | st.booleans(),
    due=st.none() | _TIMES,
    failure=st.none() | st.builds(Failure, _TEXTS, _TEXTS, st.booleans()),
    stats=st.none() | ANY_STATS,
    windows=_WINDOWS,
    polls=st.lists(st.tuples(_TIMES, _TIMES, _TEXTS), max_size=3).map(tuple),
    counters=st.none()
    | st.builds(
        Sums,
        _BY_LABEL,
        _BY_LABEL,
        _COUNTS,
        _BY_LABEL,
        _BY_LABEL,
        st.none() | st.builds(Fall, _BY_LABEL, _BY_LABEL, _BY_LABEL, _COUNTS),
    ),
    recent=st.binary(max_size=8),
    trouble=st.none() | st.builds(Trouble, st.none() | _FINDINGS, st.none() | _FINDINGS),
)


def ref(number: int = 0, account: str = "main", sub_user_id: str | None = None) -> TaskRef:
    """Return the reference of one of many tasks."""
    return TaskRef(account, f"61551b2c-e3f3-4707-b4ed-{number:012}", sub_user_id)


def saved(of: TaskRef, answered: int = 61) -> SavedTask:
    """Return a task with all that a file can hold; ``answered`` differs from one writing to another."""
    return SavedTask(
        Task(
            of,
            min_answer_ratio=0.3,
            name="老客户回访",
            generation="1",
            state=TaskState.RUNNING,
            concurrency_limit=20,
            created=1_750_000_000.25,
        ),
        interval=60.0,
        up=False,
        last_success=1_751_000_000.123,
        due=1_751_000_060.123,
        missing_since=1_751_000_030.0,
        failure=Failure("http_404", "no such task", missing=True),
        stats=TaskStats(answered=answered, numbers=STATS.numbers, unread={"rounds": 1}),
        windows={"15m": SavedWindow(STATS, 1.5, 61.5, float("inf"))},
        polls=((1_751_000_000, 0.125, ""), (1_751_000_030, 3.0, "http_404")),
        counters=Sums(
            {"answered": 5},
            {"busy": 1},
            2,
            {"answered": 61},
            {"busy": 3},
            Fall({"answered": 4}, {"busy": 0}, {"answered": 5}, 1),
        ),
        recent=b"\0\0\0",
        trouble=Trouble(low=Finding(1_751_000_000.0, 600, Part(12.5, 130.0))),
    )


def write(file: StateFile, tasks: Iterable[SavedTask]) -> None:
    """Write tasks in one transaction."""
    file.begin()
    file.put_tasks((task.task.ref, task) for task in tasks)
    file.commit()


async def inline(call: Callable[[], Result], /) -> Result:
    """Make a call at once, where a thread would be out of the virtual time."""
    return call()


def write_until_killed(path: Path, tasks: int) -> None:
    """Write the same tasks again and again, counting up from what is there, and print each count when it is committed."""
    file = StateFile.open(path)
    assert file is not None
    before = file.load().tasks
    count = (before[0].stats.answered or 0) if before and before[0].stats else 0
    while True:
        count += 1
        write(file, (saved(ref(number), count) for number in range(tasks)))
        print(count, flush=True)


if __name__ == "__main__":
    write_until_killed(Path(sys.argv[1]), int(sys.argv[2]))
