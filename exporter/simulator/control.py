"""The control path: faults, incidents, time and the truth, as JSON over HTTP. For tests and demonstrations.

GET    /_control/truth       what really happened to each task
GET    /_control/calls       how often the API was called
GET    /_control/accounts    user ids, tokens and task ids
POST   /_control/faults      a fault: see ``faults.Fault``
DELETE /_control/faults      no more faults
POST   /_control/incidents   {"task": ID, "kind": KIND}
POST   /_control/clock       {"speed": NUMBER} or {"advance": SECONDS}
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

from exporter.simulator.faults import Fault
from exporter.simulator.platform import SimulatedAccount
from exporter.simulator.server import Request, Response

if TYPE_CHECKING:
    from exporter.simulator.simulator import Simulator

INCIDENTS: Final = ("carrier_block", "bad_list", "over", "pause", "resume", "reset", "vanish", "appear")


def answer(simulator: Simulator, request: Request) -> Response:
    """Answer a request of the control path; what is wrong with it comes back as a 400."""
    try:
        return _json(_answer(simulator, request))
    except (ValueError, TypeError) as error:
        return _json({"error": str(error)}, status=400)


def _answer(simulator: Simulator, request: Request) -> object:
    body: Any = json.loads(request.body) if request.body else {}
    match request.method, request.path.removeprefix("/_control/"):
        case "GET", "truth":
            return {
                task.id: truth(simulator, task.id) for account in simulator.accounts for task in account.tasks.values()
            }
        case "GET", "calls":
            return simulator.calls
        case "GET", "accounts":
            return [{"user_id": a.user_id, "token": a.token, "tasks": list(a.tasks)} for a in simulator.accounts]
        case "POST", "faults":
            simulator.faults.append(Fault(**body))
        case "DELETE", "faults":
            simulator.faults.clear()
        case "POST", "incidents":
            return {"task": incident(simulator, **body)}
        case "POST", "clock":
            _set_clock(simulator, **body)
        case method, path:
            raise ValueError(f"there is no {method} /_control/{path}")
    return {"ok": True}


def truth(simulator: Simulator, task_id: str) -> dict[str, Any]:
    """Return what really happened to a task since it began: calls, dial results by status code, resets. Raises KeyError."""
    task = simulator.task(task_id)
    life = task.campaign.lifetime
    return {
        "name": task.name,
        "state": task.state(simulator.now()),
        "answered": life.answered,
        "unanswered": life.unanswered,
        "results": life.results,
        "numbers": task.campaign.numbers,
        "progress": task.campaign.progress,
        "resets": task.resets,
        "incident": task.campaign.incident,
    }


def incident(simulator: Simulator, kind: str, task: str | None = None) -> str:
    """Let something happen to a task; return its id. Raises ValueError."""
    if kind not in INCIDENTS:
        raise ValueError(f"kind: {kind!r} is no incident; expected one of {', '.join(INCIDENTS)}")
    if kind == "appear":
        return _appear(simulator.accounts[0])
    if task is None:
        raise ValueError(f"task: missing; {kind} happens to a task")
    try:
        struck = simulator.task(task)
    except KeyError:
        raise ValueError(f"task: {task!r} is no task; /_control/accounts lists them") from None
    campaign = struck.campaign
    match kind:
        case "carrier_block" | "bad_list":
            campaign.incident = kind
        case "over":
            campaign.incident = ""
        case "pause" | "resume":
            campaign.pause(simulator.now(), paused=kind == "pause")
        case "reset":
            campaign.reset()
            struck.resets += 1
        case "vanish":
            struck.gone = True
    struck.body = (-1, b"")
    return task


def _appear(account: SimulatedAccount) -> str:
    if not account.spare:
        raise ValueError("appear: no task is left that could")
    new = account.spare.pop(0)
    account.tasks[new.id] = new
    return new.id


def _set_clock(simulator: Simulator, speed: float | None = None, advance: float = 0.0) -> None:
    for name, value in (("advance", advance), ("speed", 0.0 if speed is None else speed)):
        if not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise ValueError(f"{name}: expected a number from 0 up")
    simulator.advance(advance)
    if speed is not None:
        simulator.set_speed(speed)


def _json(value: object, status: int = 200) -> Response:
    return Response(json.dumps(value, ensure_ascii=False).encode(), status)
