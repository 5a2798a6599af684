"""The command once as users type it."""

from __future__ import annotations

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
