from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from exporter.demo.simulator import incident
from tests.support.stack import Stack, until
from tests.support.tools import need

STATUSES = (
    "waiting", "connected", "carrier_blocked", "rejected", "no_answer", "invalid_number", "powered_off", "suspended",
    "busy", "incoming_barred", "arrears", "blacklisted", "user_blocked",
)  # fmt: skip
REDIALLED = {"rejected", "no_answer", "powered_off", "busy"}
FINAL = tuple(status for status in STATUSES[1:] if status not in REDIALLED)
ROUNDS = ("1", "2-5", "6-10", "11-20", "21+")
HOUR = 3600.0


async def test_promql_answers_what_the_platform_says(stack: Stack) -> None:
    """Ratio, progress, statuses, intentions and rounds of every task are the simulator's, with no series too many."""
    stack.simulator.advance(HOUR)
    await stack.catch_up()
    counts = {task: each.campaign.counts for task, each in stack.tasks.items()}
    numbers = {task: each.campaign.numbers for task, each in stack.tasks.items()}
    calls = {task: each.answered + each.unanswered for task, each in counts.items()}
    assert min(calls.values()) > 0
    expected: dict[tuple[str, ...], dict[tuple[str, ...], float]] = {
        ("yunfu_task_answer_ratio",): {(task,): round(counts[task].answered / calls[task], 4) for task in counts},
        ("yunfu_task_progress_ratio",): {
            (task,): round(each.campaign.progress, 4) for task, each in stack.tasks.items()
        },
        ("yunfu_task_answered_calls",): {(task,): each.answered for task, each in counts.items()},
        ("yunfu_task_numbers", "status"): _by_label(STATUSES, numbers),
        ("yunfu_task_intention_calls", "intention"): _by_label("ABCDE", {t: each.grades for t, each in counts.items()}),
        ("yunfu_task_round_calls", "rounds"): _by_label(ROUNDS, {task: each.rounds for task, each in counts.items()}),
        ("yunfu_task_up",): dict.fromkeys([(task,) for task in counts], 1),
    }
    for (name, *labels), values in expected.items():
        reported = await stack.vector(f'{name}{{account="main"}}', "task", *labels)
        assert reported == pytest.approx(values, abs=1e-9), name
        assert await stack.vector(f"count({name})") == {(): len(values)}


async def test_names_come_by_a_join(stack: Stack) -> None:
    """A join on account and task brings the name, odd ones too, and the generation beside any value; no task is lost."""
    await stack.catch_up()
    joined = "yunfu_task_progress_ratio * on(account, task) group_left(name, generation, sub_account) yunfu_task_info"
    own = stack.simulator.accounts[0].user_id
    assert await stack.vector(joined, "task", "name", "generation") == pytest.approx(
        {
            (task, each.name, str(each.generation)): round(each.campaign.progress, 4)
            for task, each in stack.tasks.items()
        },
        abs=1e-9,
    )
    owners = {task["metric"]["task"]: task["metric"].get("sub_account", own) for task in await stack.query(joined)}
    assert owners == {task: each.owner for task, each in stack.tasks.items()}
    assert any("\n" in each.name or '"' in each.name for each in stack.tasks.values())


async def test_increase_is_what_happened(stack: Stack) -> None:
    """An hour and a half of dialling at 600 times the speed: calls and final results grew by what the simulator counted."""
    begin, before = await stack.catch_up(), stack.truths()
    stack.simulator.set_speed(600)
    end_of_work = stack.simulator.now() + 1.5 * HOUR

    async def is_late() -> bool:
        return stack.simulator.now() >= end_of_work

    await until("the time has gone by", is_late)
    stack.simulator.set_speed(0)
    end, after = await stack.catch_up(), stack.truths()
    calls, results = _growth(before, after)
    assert calls.total() > 5000

    assert await _grown(stack, "yunfu_task_calls_total", "task", "outcome", begin=begin, end=end) == calls
    increased = await _increased(stack, "yunfu_task_calls_total", begin, end, "outcome")
    assert increased == pytest.approx(_summed(calls), rel=0.01)

    reported = await _grown(stack, "yunfu_task_number_results_total", "task", "status", begin=begin, end=end)
    assert {key for key in reported if key[1] in FINAL} == {(task, status) for task in stack.tasks for status in FINAL}
    assert {key: count for key, count in reported.items() if key[1] in FINAL and count} == {
        key: count for key, count in results.items() if key[1] in FINAL and count
    }
    increased = await _increased(stack, "yunfu_task_number_results_total", begin, end, "status")
    assert {key: increased[key] for key in increased if key[0] in FINAL} == pytest.approx(
        {key: count for key, count in _summed(results).items() if key[0] in FINAL}, rel=0.01
    )
    # Numbers that leave a status between two polls while others come are not seen: fewer, never more.
    assert all(count <= results[key] for key, count in reported.items())
    # Had the platform's own counts been taken for counters, each fall would have been a reset: there were such.
    fallen = await stack.vector(f"resets(yunfu_task_numbers{_range(begin, end)})", "task", "status", at=end)
    assert {status for (_, status), falls in fallen.items() if falls} & REDIALLED


async def test_a_restart_of_the_exporter_is_no_burst(watched: Stack) -> None:
    """What happened while it was away is not counted, least of all the thousands from before; the rest is, exactly."""
    async with watched.exporting():
        begin, first = await watched.catch_up(), watched.truths()
        await _work(watched)
        second = watched.truths()
    await until("Prometheus misses the exporter", watched.misses_the_exporter)
    watched.simulator.advance(600)
    third = watched.truths()
    async with watched.exporting():
        await watched.catch_up()
        end, fourth = await _work(watched), watched.truths()
        reported = await _increased(watched, "yunfu_task_calls_total", begin, end, "task", "outcome")
    seen = _growth(first, second)[0] + _growth(third, fourth)[0]
    assert reported == pytest.approx(_all(seen, watched), rel=0.01)
    assert _growth(second, third)[0].total() > 0
    assert sum(reported.values()) < _growth(first, fourth)[0].total()


async def test_with_a_state_file_kills_cost_no_count(watched: Stack) -> None:
    """Killed three times while campaigns call, the exporter counts all that happened, once, and shows no burst."""
    options = ("--state_file", str(watched.directory / "state.db"))
    async with watched.exporting(*options):
        begin, before = await watched.catch_up(), watched.truths()
        await _work(watched)
    for _ in range(3):
        watched.simulator.advance(600)
        async with watched.exporting(*options, kill=True):
            await _work(watched)
    watched.simulator.advance(600)
    async with watched.exporting(*options):
        end, after = await _work(watched), watched.truths()
        reported = await _increased(watched, "yunfu_task_calls_total", begin, end, "task", "outcome")
    assert reported == pytest.approx(_all(_growth(before, after)[0], watched), rel=0.01)


async def test_with_a_state_file_a_restart_shows_everything_at_once(unwatched: Stack) -> None:
    """After a restart the statistics and counters are there with their age, and no task is polled before it was due."""
    options = (
        "--state_file",
        str(unwatched.directory / "state.db"),
        "--poll.interval",
        "1h",
        "--poll.idle_interval",
        "1h",
    )

    async def samples() -> dict[str, str]:
        async with unwatched.session.get(f"http://{unwatched.exporter}/metrics") as response:
            lines = (await response.text()).splitlines()
        return dict(line.rsplit(" ", 1) for line in lines if line.startswith("yunfu_task_"))

    async def is_whole() -> bool:
        return sum(name.startswith("yunfu_task_last_success") for name in await samples()) == len(unwatched.tasks)

    async with unwatched.exporting(*options):
        await until("every task was read", is_whole)
        before, calls = await samples(), unwatched.simulator.calls["stat"]
    async with unwatched.exporting(*options):
        assert await samples() == before
        assert unwatched.simulator.calls["stat"] == calls


async def test_a_task_that_is_reset_is_neither_a_burst_nor_a_fall(stack: Stack) -> None:
    """The platform starts a task again from nothing: the counters go on from where they are, and one reset is told."""
    begin, before = await stack.catch_up(), stack.truths()
    await _work(stack)
    victim = max(stack.tasks, key=lambda task: _calls(stack.truths()[task]))
    incident(stack.simulator, "reset", victim)
    await stack.catch_up()
    assert (await stack.vector("yunfu_task_answered_calls", "task"))[victim,] == 0
    end = await _work(stack, steps=6)  # a reset is certain after four that have calls
    calls, _ = _growth(before, stack.truths())
    assert await _grown(stack, "yunfu_task_calls_total", "task", "outcome", begin=begin, end=end) == _all(calls, stack)
    reported = await _increased(stack, "yunfu_task_calls_total", begin, end, "task", "outcome")
    assert reported == pytest.approx(_all(calls, stack), rel=0.01)
    fallen = await stack.vector(f"resets(yunfu_task_calls_total{_range(begin, end)})", "task", "outcome", at=end)
    assert set(fallen.values()) == {0}
    assert await stack.vector("yunfu_task_resets_total", "task") == {
        (task,): float(task == victim) for task in stack.tasks
    }


async def test_promtool_finds_no_fault_with_the_page(unwatched: Stack) -> None:
    """The page of a running exporter is good in names, types and HELP texts."""
    promtool = need("promtool", "apt-get install prometheus")
    page = b""

    async def has_all_tasks() -> bool:
        nonlocal page
        async with unwatched.session.get(f"http://{unwatched.exporter}/metrics") as response:
            page = await response.read()
        return page.count(b"\nyunfu_task_up{") == len(unwatched.tasks)

    async with unwatched.exporting():
        await until("the page has every task", has_all_tasks)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        promtool, "check", "metrics", stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    complaints, _ = await process.communicate(page)
    assert (process.returncode, complaints.decode()) == (0, "")


def _by_label(labels: Any, values: dict[str, list[int]]) -> dict[tuple[str, ...], float]:
    return {(task, label): value for task in values for label, value in zip(labels, values[task], strict=True)}


def _calls(reported: dict[str, Any]) -> int:
    return int(reported["answered"] + reported["unanswered"])


async def _work(stack: Stack, steps: int = 2) -> float:
    """Let the campaigns work for an hour in steps that the exporter and Prometheus see; return the last scrape's time."""
    scraped = 0.0
    for _ in range(steps):
        stack.simulator.advance(HOUR / steps)
        scraped = await stack.catch_up()
    return scraped


def _growth(
    before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]
) -> tuple[Counter[tuple[str, ...]], Counter[tuple[str, ...]]]:
    """Return what really happened between two moments: calls by task and outcome, results by task and status."""
    calls: Counter[tuple[str, ...]] = Counter({
        (task, outcome): after[task][outcome] - before[task][outcome]
        for task in after for outcome in ("answered", "unanswered")
    })  # fmt: skip
    results: Counter[tuple[str, ...]] = Counter({
        (task, status): after[task]["results"][code] - before[task]["results"][code]
        for task in after for code, status in enumerate(STATUSES) if code
    })  # fmt: skip
    return calls, results


def _all(calls: Counter[tuple[str, ...]], stack: Stack) -> dict[tuple[str, ...], int]:
    """Return the calls of every task and outcome, 0 included, which sums of counters drop."""
    return {(task, outcome): calls[task, outcome] for task in stack.tasks for outcome in ("answered", "unanswered")}


def _summed(growth: Counter[tuple[str, ...]]) -> dict[tuple[str, ...], int]:
    sums: Counter[tuple[str, ...]] = Counter()
    for (_, label), count in growth.items():
        sums[label,] += count
    return dict(sums)


async def _grown(stack: Stack, name: str, *labels: str, begin: float, end: float) -> dict[tuple[str, ...], float]:
    """Return each counter's value at a scrape less that at another: no function of PromQL has a part in it."""
    first, last = [await stack.vector(name, *labels, at=at) for at in (begin, end)]
    assert first.keys() == last.keys()
    return {key: last[key] - first[key] for key in last}


async def _increased(stack: Stack, name: str, begin: float, end: float, *by: str) -> dict[tuple[str, ...], float]:
    """Return what increase() says between two scrapes, summed by labels."""
    return await stack.vector(f"sum by ({', '.join(by)}) (increase({name}{_range(begin, end)}))", *by, at=end)


def _range(begin: float, end: float) -> str:
    """Write the range from one scrape to another, for a query at the time of the latter.

    increase() extrapolates: it takes the growth between the first and the last sample in its range, and stretches it to
    the borders of the range, which over a range of seconds can be many per cent. A range that begins and ends at a scrape
    leaves nothing to be stretched, but for the millisecond that it is wider: from Prometheus 3 on a sample on the left
    border would be outside.
    """
    return f"[{round((end - begin) * 1000) + 1}ms]"
