"""What discovery costs and how soon it notices: 1,000 simulated tasks of both generations over hours, in virtual time."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Final

import pytest

from exporter.demo.simulator import Fault, SimulatorOptions
from tests.support.lists import account_of, living, page
from tests.support.simulated import SimulatedClient
from tests.support.virtual_time import in_virtual_time

LISTS: Final = ("tasks", "new_tasks")
TASKS, RUNNING = 1000, 100
CHANGES_A_MINUTE: Final = 1
"""How many tasks start each minute, and how many are paused: 100 tasks run for 100 minutes each."""


@dataclass
class Fleet:
    """The tasks of a simulated account, of which a fixed number is enabled at any time."""

    client: SimulatedClient
    rng: random.Random = field(default_factory=lambda: random.Random(7))
    started: dict[str, float] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)
    """How long after its start each task was polled."""

    def __post_init__(self) -> None:
        """Let the first tasks run and pause the others."""
        self.tasks = self.client.simulator.accounts[0].tasks
        for task in self.tasks.values():
            task.campaign.pause(self.client.simulator.now(), paused=True)
        self.enabled = set(self.rng.sample(sorted(self.tasks), RUNNING))
        for identity in self.enabled:
            self.pause(identity, paused=False)

    def pause(self, task: str, *, paused: bool) -> None:
        """Pause a task or let it run."""
        self.tasks[task].campaign.pause(self.client.simulator.now(), paused=paused)

    async def live(self, seconds: float) -> None:
        """Start one task and pause another at chance moments, and note when those that started were polled."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            await asyncio.sleep(self.rng.expovariate(CHANGES_A_MINUTE / 60))
            ended = self.rng.choice(sorted(self.enabled - self.started.keys()))
            begun = self.rng.choice(sorted(self.tasks.keys() - self.enabled))
            self.pause(ended, paused=True)
            self.pause(begun, paused=False)
            self.enabled = self.enabled - {ended} | {begun}
            if self.tasks[begun].campaign.is_dialling(self.client.simulator.now()):  # and not in its lunch break
                self.started[begun] = loop.time()
            self.note()
        await asyncio.sleep(300)
        self.note()

    def note(self) -> None:
        """Note the first poll since its start of each task that has been polled."""
        for task, since in list(self.started.items()):
            polls = [moment for moment in self.client.polls[task] if moment >= since]
            if polls:
                self.waits.append(polls[0] - since)
                del self.started[task]


def options() -> SimulatorOptions:
    """Return campaigns that last for longer than the test, in no break."""
    return SimulatorOptions(tasks=TASKS, speed=1, scale=100, history=False, php_flavours=False)


@pytest.mark.parametrize(
    ("hours", "fault"), [(3, None), (0.5, Fault(kind="entry_status")), (0.5, Fault(kind="booleans"))], ids=repr
)
def test_a_thousand_tasks_cost_five_calls_a_minute(hours: float, fault: Fault | None) -> None:
    """With 100 of 1,000 tasks running, lists cost at most 5 calls per minute, and a started task is polled within 2 minutes."""

    @in_virtual_time
    async def scenario() -> None:
        client = SimulatedClient(options())
        if fault is not None:
            client.simulator.add_fault(fault)
        fleet = Fleet(client)
        account, around = account_of(client, {})
        async with living(account):
            await fleet.live(hours * 3600)
            samples = page(around)
            facts = account.facts()
        minutes = asyncio.get_running_loop().time() / 60
        calls = sum(client.calls[name] for name in LISTS) / minutes
        print(f"{calls:.2f} calls per minute; {len(fleet.waits)} starts, polled after {max(fleet.waits):.0f} s at most")
        assert calls <= 5
        assert len(fleet.waits) > 40 * hours
        assert not fleet.started
        assert max(fleet.waits) < 120
        assert facts.odd_lists == {}
        polled = {key for key in samples if key.startswith("yunfu_task_poll_interval")}
        assert {task for task in fleet.tasks if any(task in key for key in polled)} == fleet.enabled

    scenario()
