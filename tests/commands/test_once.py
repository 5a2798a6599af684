"""The command once as users type it."""

from __future__ import annotations

import json
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.demo.simulator import Fault
from tests.support.commands import Command
from tests.support.programs import (
    Platform,
)


def test_once_prints_what_a_scrape_would(command: Command) -> None:
    """All polled: status 0, and the output is an exposition with every task."""
    done = command("once")
    assert (done.status, done.err) == (0, "")
    families = {family.name: family for family in text_string_to_metric_families(done.out)}
    assert [sample.value for sample in families["yunfu_task_up"].samples] == [1] * 5
    assert len(families["yunfu_task_numbers"].samples) == 5 * 13


@pytest.mark.parametrize("is_configured", [False, True], ids=["lists", "configured tasks"])
def test_once_ends_at_once_with_a_refused_token(
    platform: Platform, command: Command, env: dict[str, str], *, is_configured: bool
) -> None:
    """One line says what the platform answers, status 1, after the few calls that show that the token is meant."""
    platform.simulator.faults.append(Fault(kind="expired_token"))
    (account,) = json.loads(env["YUNFU_ACCOUNTS"])
    if is_configured:
        account |= {
            "concurrency": 1,
            "discovery": None,
            "tasks": [{"id": task} for task in platform.simulator.accounts[0].tasks],
        }
    started, before = time.monotonic(), platform.simulator.calls.copy()
    done = command("once", YUNFU_ACCOUNTS=json.dumps([account]))
    assert time.monotonic() - started < 30  # the account is held for a minute
    assert done.status == 1
    assert done.err.count("\n") == 1
    assert "HTTP 401 Unauthorized; the platform says: token无效或已过期" in done.err
    made = platform.simulator.calls - before
    assert made["stat"] + made["tasks"] + made["new_tasks"] == (3 if is_configured else 2)


def test_once_tells_a_task_that_failed(platform: Platform, command: Command) -> None:
    """One task failing makes status 1; the others are printed all the same."""
    task = next(iter(platform.simulator.accounts[0].tasks))
    platform.simulator.faults.append(Fault(kind="status", status=404, task=task))
    done = command("once", "--poll.timeout", "5s")
    assert done.status == 1
    families = {family.name: family for family in text_string_to_metric_families(done.out)}
    assert sorted(sample.value for sample in families["yunfu_task_up"].samples) == [0, 1, 1, 1, 1]
    assert done.err.count("\n") == 1
    assert f"task={task}" in done.err


@pytest.mark.parametrize("status", [403, 500])
def test_once_polls_the_tasks_of_the_lists_that_can_be_read(platform: Platform, command: Command, status: int) -> None:
    """One list failing makes status 1 and one line that names it; the tasks of the other are polled."""
    platform.simulator.faults.append(Fault(kind="status", status=status, endpoint="new_tasks"))
    done = command("once")
    assert done.status == 1
    families = {family.name: family for family in text_string_to_metric_families(done.out)}
    polled = {sample.labels["task"]: sample.value for sample in families["yunfu_task_up"].samples}
    first = [task.id for task in platform.simulator.accounts[0].tasks.values() if task.generation == 1]
    assert first
    assert polled == dict.fromkeys(first, 1)
    assert done.err.count("\n") == 1
    assert "the list new_tasks: " in done.err
