from __future__ import annotations

from typing import Any

from exporter.demo.simulator import Simulator, SimulatorOptions, truth
from tests.support.clock import Clock
from tests.support.simulation import HALF_PAST_NINE, HOUR, Simulation


def test_the_clock_can_be_hurried_stopped_and_moved() -> None:
    """Simulated time is the clock's at the set speed, goes on from where it is at a change, and jumps when it is advanced."""
    clock = Clock(5000.0)
    simulator = Simulator(SimulatorOptions(tasks=1, start=HALF_PAST_NINE, speed=60), clock=clock)
    times = [simulator.now()]
    for speed, jump in ((60.0, 0.0), (0.0, 0.0), (0.0, 100.0), (2.0, 0.0)):
        simulator.set_speed(speed)
        simulator.advance(jump)
        clock.now += 10
        times.append(simulator.now())
    assert [now - HALF_PAST_NINE for now in times] == [0, 600, 600, 700, 720]


def test_without_a_start_it_is_half_past_nine_in_china() -> None:
    """The day is the clock's, in China; the dialling begins."""
    clock = Clock(HALF_PAST_NINE + 15 * HOUR)  # past midnight there, not yet in Europe
    assert Simulator(SimulatorOptions(tasks=0), clock=clock).start == HALF_PAST_NINE + 24 * HOUR


def test_the_same_options_give_the_same_platform() -> None:
    """Users, tasks, tokens and what happens are decided by the options; another seed decides otherwise."""
    reported = []
    for seed in (1, 1, 2):
        simulator = Simulator(
            SimulatorOptions(seed=seed, tasks=5, sub_accounts=1, start=HALF_PAST_NINE), clock=Clock(HALF_PAST_NINE)
        )
        simulator.advance(HOUR)
        tasks = [truth(simulator, task) for task in simulator.accounts[0].tasks]
        reported.append((simulator.accounts[0].token, simulator.accounts[0].sub_users, tasks))
    assert reported[0] == reported[1] != reported[2]


async def test_incidents_happen(simulation: Simulation) -> None:
    """Each incident changes the API's numbers of its task, at once."""
    simulation.simulator.advance(HOUR)
    task = simulation.first

    async def happen(kind: str) -> Any:
        answer = await simulation.control("POST", "incidents", {"kind": kind, "task": task.id})
        assert answer.document == {"task": task.id}
        return truth(simulation.simulator, task.id)

    assert (await happen("carrier_block"))["incident"] == "carrier_block"
    assert (await happen("bad_list"))["incident"] == "bad_list"
    assert (await happen("over"))["incident"] == ""
    assert (await happen("pause"))["state"] == "paused"
    assert (await happen("resume"))["state"] == "running"
    before = (await simulation.stat(task=task)).data["answer_rate"]["answered"]
    reset = await happen("reset")
    assert (reset["resets"], reset["answered"]) == (1, before)
    assert before > 0 == (await simulation.stat(task=task)).data["answer_rate"]["answered"]
    await happen("vanish")
    assert (await simulation.stat(task=task)).status == 404
    listed = [
        (await simulation.get(f"{base}/task", ("per_page", "100"))).data
        for base in (simulation.user, simulation.new_user)
    ]
    assert task.id not in {entry["uuid"] for entries in listed for entry in entries}
    new = (await simulation.control("POST", "incidents", {"kind": "appear"})).document["task"]
    assert (await simulation.stat(task=simulation.account.tasks[new])).status == 200
