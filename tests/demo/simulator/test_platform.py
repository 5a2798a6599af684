from __future__ import annotations

import base64
import json
import re

from exporter.demo.simulator import Simulator, SimulatorOptions, incident
from tests.support.clock import Clock
from tests.support.simulation import HALF_PAST_NINE, HOUR, PLAIN, Simulation, serving


async def test_flags_tell_the_state(simulation: Simulation) -> None:
    """The flags enable and call_status are what the documentation makes of running, waiting and paused."""
    simulation.simulator.advance(2 * HOUR + 60)  # over lunch for some
    incident(simulation.simulator, "pause", simulation.first.id)
    seen = set()
    flags = {(1, 1): "running", (1, 0): "waiting", (0, 0): "paused"}
    for entry in (await simulation.get(f"{simulation.new_user}/task", ("per_page", "100"))).data:
        state = flags[entry["enable"], entry["new_task_extra"]["call_status"]]
        assert state == simulation.state(simulation.account.tasks[entry["uuid"]])
        seen.add(state)
    assert seen == {"running", "waiting", "paused"}


async def test_tokens_are_jwts_or_opaque() -> None:
    """A JWT has the platform's claims for thirty days; an opaque token says nothing."""
    account = Simulator(PLAIN, clock=Clock(HALF_PAST_NINE)).accounts[0]
    header, claims, _ = account.token.split(".")
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {"typ": "JWT", "alg": "RS256"}
    assert json.loads(base64.urlsafe_b64decode(claims + "==")) == {
        "iat": HALF_PAST_NINE, "nbf": HALF_PAST_NINE, "exp": HALF_PAST_NINE + 30 * 86_400, "sub": account.user_id,
    }  # fmt: skip
    async with serving(SimulatorOptions(tasks=1, opaque_token=True)) as simulation:
        assert re.fullmatch("[0-9a-f]{48}", simulation.account.token)
        assert (await simulation.get(f"{simulation.user}/task")).status == 200


async def test_a_task_that_appears_begins_at_once(simulation: Simulation) -> None:
    """It was created now, has not made a call yet, and makes its first within minutes of the next dial window."""
    simulation.simulator.advance(0.5 * HOUR)
    new = simulation.simulator.incident("appear")
    true = simulation.simulator.truth(new)
    assert (true["answered"], true["unanswered"], true["progress"]) == (0, 0, 0)
    task = simulation.account.tasks[new]
    base = simulation.user if task.generation == 1 else simulation.new_user
    entries = {entry["uuid"]: entry for entry in (await simulation.get(f"{base}/task", ("per_page", "100"))).data}
    assert entries[new]["create_datetime"] == "2025-06-30 10:00:00"
    simulation.simulator.advance(120)
    assert simulation.simulator.truth(new)["unanswered"] > 0


async def test_only_so_many_tasks_can_appear(simulation: Simulation) -> None:
    """The simulator has five spare tasks; after them it says so."""
    statuses = [(await simulation.control("POST", "incidents", {"kind": "appear"})).status for _ in range(6)]
    assert statuses == [200] * 5 + [400]
