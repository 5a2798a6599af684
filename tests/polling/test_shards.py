"""Shards divide the tasks, the quota and nothing else."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

import pytest

from exporter.config.faults import SettingsError
from exporter.config.settings import ShardSettings
from exporter.demo.simulator import SimulatorOptions
from exporter.polling.shards import Shard, find_shard
from tests.support.programs import (
    Platform,
    Program,
    answers,
    eventually,
    fetch,
    free_port,
    run_program,
    running,
    simulated,
)
from tests.support.programs import write_config as write

TASKS = [str(uuid.UUID(int=Random(index).getrandbits(128), version=4)) for index in range(5000)]


@pytest.mark.parametrize("total", [1, 2, 3, 7])
def test_each_task_is_of_exactly_one_shard_and_each_shard_has_its_part(total: int) -> None:
    """Every task has one owner; no shard has a fifth more or less than its part."""
    shares = [{task for task in TASKS if Shard(ordinal, total).owns(task)} for ordinal in range(total)]
    assert sum(map(len, shares)) == len(set().union(*shares)) == len(TASKS)
    assert all(0.8 < len(share) * total / len(TASKS) < 1.2 for share in shares)


@pytest.mark.parametrize("total", [1, 2, 3, 6])
def test_one_more_shard_moves_its_part_of_the_tasks_and_no_other(total: int) -> None:
    """From n to n + 1 shards, about 1 in n + 1 tasks moves, each of them to the new shard."""
    before, after = Shard(0, total), Shard(0, total + 1)
    moved = [task for task in TASKS if before.owner(task) != after.owner(task)]
    assert {after.owner(task) for task in moved} == {total}
    assert 0.8 < len(moved) * (total + 1) / len(TASKS) < 1.2


def test_the_hash_is_the_same_for_ever() -> None:
    """An upgrade moves no task: the owners of some known ids are written down here."""
    owners = {
        "61551b2c-e3f3-4707-b4ed-f362f0925e03": 4,
        "40863af8-db4a-41c6-a269-eb5bc386d97f": 0,
        "00000000-0000-4000-8000-000000000000": 3,
    }
    assert {task: Shard(0, 5).owner(task) for task in owners} == owners


def test_a_shard_has_its_part_of_the_quota() -> None:
    """Each of three shards has a third of every quota."""
    assert Shard(1, 3).part == pytest.approx(1 / 3)
    assert Shard().part == 1


@pytest.mark.parametrize(
    ("environ", "host", "ordinal"),
    [
        ({}, "yunfu-exporter-0", 0),
        ({}, "yunfu-exporter-12", 12),
        ({"POD_INDEX": "3"}, "yunfu-exporter-0", 3),
        ({"POD_INDEX": ""}, "yunfu-exporter-2", 2),
    ],
)
def test_auto_is_what_kubernetes_tells(environ: dict[str, str], host: str, ordinal: int) -> None:
    """The pod's index comes before its name."""
    assert find_shard(ShardSettings(ordinal="auto", total=20), environ, host) == Shard(ordinal, 20)


def test_auto_outside_of_a_pod_is_a_clear_error() -> None:
    """A host that is no pod of a StatefulSet has no ordinal."""
    with pytest.raises(
        SettingsError, match=r"shard\.ordinal: auto finds no ordinal: .*'laptop' ends in no dash and number"
    ):
        find_shard(ShardSettings(ordinal="auto", total=2), {}, "laptop")


def test_a_number_needs_no_pod() -> None:
    """What is configured is taken as it is."""
    assert find_shard(ShardSettings(ordinal=1, total=2), {"POD_INDEX": "0"}, "x-0") == Shard(1, 2)


RATE = 60.0


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """Serve a platform with forty tasks whose time stands still."""
    with simulated(SimulatorOptions(tasks=40, speed=0)) as platform:
        yield platform


def write_config(path: Path, platform: Platform, total: int, **more: object) -> Path:
    """Write the one file that all shards of a set are given."""
    account = platform.account(rate_limit=RATE, tasks=[], discovery={"interval": "1s", "states": STATES})
    return write(path, account, shard={"ordinal": "auto", "total": total}, **more)


STATES = ["running", "waiting", "paused"]


@contextmanager
def shards(directory: Path, config: Path, pods: int) -> Iterator[list[str]]:
    """Run so many exporters as processes of their own; gives their addresses."""
    urls = [f"http://127.0.0.1:{free_port()}" for _ in range(pods)]
    with ExitStack() as stack:
        programs: list[Program] = [
            stack.enter_context(
                running(
                    directory,
                    *("serve", "--config", str(config), "--listen", url.removeprefix("http://")),
                    env={"POD_INDEX": str(ordinal)},
                )
            )
            for ordinal, url in enumerate(urls)
        ]
        yield urls
        assert [program.stop() for program in programs] == [0] * pods


def series(urls: Sequence[str]) -> list[str]:
    """Return the tasks' series that all shards show, as often as they are shown."""
    texts = [fetch(f"{url}/metrics").text for url in urls]
    return [line.rpartition(" ")[0] for text in texts for line in text.splitlines() if line.startswith("yunfu_task_")]


def calls_of(platform: Platform) -> int:
    """Return how many calls the platform has been asked to answer."""
    return sum(platform.simulator.calls[endpoint] for endpoint in ("stat", "tasks", "new_tasks"))


@pytest.mark.parametrize("total", [1, 2, 3, 7])
def test_real_shards_poll_each_task_once_and_keep_to_the_quota(total: int, platform: Platform, tmp_path: Path) -> None:
    """Together they show each series once and all tasks, and make no more calls than the account's quota allows."""
    tasks = set(platform.simulator.accounts[0].tasks)
    config = write_config(tmp_path / "c", platform, total)
    with shards(tmp_path, config, total) as urls:
        for url in urls:
            eventually(answers(f"{url}/readyz"))
        eventually(
            lambda: len([name for name in series(urls) if name.startswith("yunfu_task_answered_calls{")]) == len(tasks)
        )
        shown = Counter(series(urls))
        assert set(shown.values()) == {1}
        for task in tasks:
            assert f'task="{task}"' in " ".join(shown)
        started, calls = time.monotonic(), calls_of(platform)
        eventually(lambda: calls_of(platform) > calls + 4 * RATE)
        made, spent = calls_of(platform) - calls, time.monotonic() - started
        assert made <= RATE * (spent + 1) + total  # a burst of a second's calls, but of one call at least each
        pages = [fetch(f"{url}/metrics").text for url in urls]
        assert all(f"yunfu_exporter_shards {total:.1f}\n" in page for page in pages)
        assert [f"yunfu_exporter_shard_ordinal {ordinal:.1f}\n" in page for ordinal, page in enumerate(pages)] == [
            True
        ] * total


def test_scaling_needs_no_restart(platform: Platform, tmp_path: Path) -> None:
    """A pod without a part is not ready and shows no task; the reloaded total gives it one, and nothing is shown twice."""
    config = write_config(tmp_path / "c", platform, 2)
    with shards(tmp_path, config, 3) as urls:
        for url in urls[:2]:
            eventually(answers(f"{url}/readyz"))
        eventually(answers(f"{urls[2]}/healthz"))
        eventually(lambda: len([name for name in series(urls[:2]) if name.startswith("yunfu_task_up{")]) == 40)
        reason = "not ready: shard.ordinal is 2, but shard.total is 2: no task is this shard's\n"
        eventually(lambda: fetch(f"{urls[2]}/readyz").text == reason)
        assert series(urls[2:]) == []
        write_config(tmp_path / "c", platform, 3)
        for url in urls:
            assert fetch(f"{url}/-/reload", "POST").status == 200
        eventually(answers(f"{urls[2]}/readyz"))
        eventually(lambda: len([name for name in series(urls) if name.startswith("yunfu_task_up{")]) == 40)
        assert set(Counter(series(urls)).values()) == {1}
        assert series(urls[2:]) != []


def test_tasks_says_which_shard_polls_a_task(platform: Platform, tmp_path: Path) -> None:
    """In the table, each task of another shard has that one's number."""
    config = write_config(tmp_path / "c", platform, 2)
    done = run_program("tasks", "--json", "--config", str(config), "--shard.ordinal", "0")
    rows = {row["id"]: row["not_polled_because"] for row in json.loads(done.stdout)}
    assert rows == {task: "" if Shard(0, 2).owns(task) else "shard 1 of 2 polls it" for task in rows}
    assert len(rows) == 40
