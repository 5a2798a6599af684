from __future__ import annotations

import pytest

from exporter.demo.simulator import truth
from tests.support.simulation import HALF_PAST_NINE, Simulation


async def test_the_control_path_tells_and_does(simulation: Simulation) -> None:
    """Truth, calls and accounts can be read; faults, incidents and the clock can be set."""
    task = simulation.first
    accounts = (await simulation.control("GET", "accounts")).document
    assert accounts == [
        {"user_id": simulation.account.user_id, "token": simulation.account.token, "tasks": [*simulation.account.tasks]}
    ]
    assert (await simulation.control("POST", "faults", {"kind": "status", "status": 418})).document == {"ok": True}
    assert (await simulation.stat()).status == 418
    await simulation.control("DELETE", "faults")
    assert (await simulation.stat()).status == 200
    calls = (await simulation.control("GET", "calls")).document
    assert (calls["stat"], calls[task.id]) == (2, 2)
    before = simulation.simulator.now()
    await simulation.control("POST", "clock", {"advance": 60})
    await simulation.control("POST", "clock", {"speed": 5})
    simulation.clock.now += 2
    assert simulation.simulator.now() == before + 70
    reported = (await simulation.control("GET", "truth")).document
    assert reported == {each: truth(simulation.simulator, each) for each in simulation.account.tasks}


BAD_CONTROL = {
    "no such path": ("GET", "nothing", None, "there is no GET /_control/nothing"),
    "no such method": ("POST", "truth", {}, "there is no POST /_control/truth"),
    "no json": ("POST", "faults", b"{", "Expecting"),
    "a list": ("POST", "faults", [1], "the body: expected a JSON object"),
    "unknown kind": ("POST", "faults", {"kind": "flood"}, "kind: 'flood' is no fault; expected one of status, throttle"),
    "no kind": ("POST", "faults", {}, "kind: missing"),
    "unknown part": ("POST", "faults", {"kind": "html", "where": "here"}, "where: is not known; expected one of kind, task"),
    "unknown endpoint": ("POST", "faults", {"kind": "html", "endpoint": "stats"}, "endpoint: 'stats' is none; expected one of stat"),
    "truth for a number": ("POST", "faults", {"kind": "html", "count": True}, "count: expected a whole number"),
    "unknown form": ("POST", "faults", {"kind": "throttle", "form": "date"}, "form: 'date' is none; expected one of seconds, imf"),
    "code of an envelope": ("POST", "faults", {"kind": "envelope", "status": 10_000}, "status: expected a whole number from 100 to 9999"),
    "number for words": ("POST", "faults", {"kind": "html", "task": 5}, "task: expected a string"),
    "words for a number": ("POST", "faults", {"kind": "html", "probability": "1"}, "probability: expected a number"),
    "code": ("POST", "faults", {"kind": "status", "status": 42}, "status: expected a whole number from 100 to 999"),
    "jitter": ("POST", "faults", {"kind": "latency", "jitter": -1}, "jitter: expected a number from 0 up"),
    "no incident": ("POST", "incidents", None, "the body: expected a JSON object"),
    "part of an incident": ("POST", "incidents", {"kind": "reset", "id": "x"}, "id: is not known; expected one of kind, task"),
    "probability": ("POST", "faults", {"kind": "html", "probability": 2}, "probability: expected a number from 0 to 1"),
    "count": ("POST", "faults", {"kind": "html", "count": -1}, "count: expected a whole number from 0 up"),
    "status": ("POST", "faults", {"kind": "status", "status": "500"}, "status: expected a whole number"),
    "seconds": ("POST", "faults", {"kind": "latency", "seconds": -1}, "seconds: expected a number from 0 up"),
    "unknown incident": ("POST", "incidents", {"kind": "strike"}, "kind: 'strike' is no incident; expected one of carrier_block"),
    "no task": ("POST", "incidents", {"kind": "reset"}, "task: missing; reset happens to a task"),
    "unknown task": ("POST", "incidents", {"kind": "reset", "task": "x"}, "task: 'x' is no task"),
    "speed": ("POST", "clock", {"speed": "fast"}, "speed: expected a number"),
    "negative speed": ("POST", "clock", {"speed": -1}, "speed: expected a number from 0 up"),
    "endless advance": ("POST", "clock", b'{"advance": Infinity}', "advance: expected a number from 0 up"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_CONTROL)
async def test_bad_requests_to_the_control_path_change_nothing(simulation: Simulation, name: str) -> None:
    """What cannot be done is answered 400 with the reason, and the simulator goes on as before."""
    method, path, body, error = BAD_CONTROL[name]
    answer = await simulation.control(method, path, body)
    assert answer.status == 400
    assert error in answer.document["error"]
    assert simulation.simulator.faults == []
    assert (simulation.simulator.speed, simulation.simulator.now()) == (1, HALF_PAST_NINE)
    assert (await simulation.stat()).status == 200
