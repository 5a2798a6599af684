"""The control path: faults, incidents, time and the truth, as JSON over HTTP. For tests and demonstrations.

GET    /_control/truth       what really happened to each task
GET    /_control/calls       how often the API was called
GET    /_control/quota       calls per window and token, and what the customer's other programs made of it
GET    /_control/accounts    user ids, tokens and task ids
POST   /_control/faults      a fault: see ``faults.Fault``
DELETE /_control/faults      no more faults
POST   /_control/incidents   {"task": ID, "kind": KIND}
POST   /_control/clock       {"speed": NUMBER} or {"advance": SECONDS}
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from exporter.demo.simulator.faults import PARTS, Fault
from exporter.demo.simulator.server import Request, Response

if TYPE_CHECKING:
    from exporter.demo.simulator.simulator import Simulator

_KINDS: Final[dict[type, str]] = {str: "a string", int: "a whole number", float: "a number"}
_INCIDENT: Final[dict[str, type]] = {"kind": str, "task": str}
_CLOCK: Final[dict[str, type]] = {"speed": float, "advance": float}


def answer(simulator: Simulator, request: Request) -> Response:
    """Answer a request of the control path; what is wrong with it comes back as a 400."""
    try:
        return _json(_answer(simulator, request))
    except ValueError as error:
        return _json({"error": str(error)}, status=400)


def _answer(simulator: Simulator, request: Request) -> object:
    match request.method, request.path.removeprefix("/_control/"):
        case "GET", "truth":
            return {task: simulator.truth(task) for account in simulator.accounts for task in account.tasks}
        case "GET", "calls":
            return simulator.calls
        case "GET", "quota":
            others, options = simulator.others, simulator.options
            return {
                "limit": options.quota,
                "seconds": options.quota_seconds,
                "others": {"calls": others.calls, "throttled": others.throttled},
            }
        case "GET", "accounts":
            return [{"user_id": a.user_id, "token": a.token, "tasks": list(a.tasks)} for a in simulator.accounts]
        case "POST", "faults":
            simulator.add_fault(Fault(**_read(request, PARTS, "kind")))
        case "DELETE", "faults":
            simulator.clear_faults()
        case "POST", "incidents":
            return {"task": simulator.incident(**_read(request, _INCIDENT, "kind"))}
        case "POST", "clock":
            _set_clock(simulator, _read(request, _CLOCK))
        case method, path:
            raise ValueError(f"there is no {method} /_control/{path}")
    return {"ok": True}


def _read(request: Request, accepted: Mapping[str, type], *required: str) -> dict[str, Any]:
    """Read a JSON object, all of whose parts are accepted, each of its kind. Raises ValueError."""
    body = json.loads(request.body or b"{}")
    if not isinstance(body, dict):
        raise ValueError("the body: expected a JSON object")  # noqa: TRY004  # all that is wrong is one kind of error
    for name in required:
        if name not in body:
            raise ValueError(f"{name}: missing")
    for name, value in body.items():
        if name not in accepted:
            raise ValueError(f"{name}: is not known; expected one of {', '.join(accepted)}")
        kinds = {int, float} if accepted[name] is float else {accepted[name]}
        if type(value) not in kinds:
            raise ValueError(f"{name}: expected {_KINDS[accepted[name]]}")
    return body


def _set_clock(simulator: Simulator, settings: Mapping[str, float]) -> None:
    for name, value in settings.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{name}: expected a number from 0 up")
    simulator.advance(settings.get("advance", 0.0))
    if "speed" in settings:
        simulator.set_speed(settings["speed"])


def _json(value: object, status: int = 200) -> Response:
    return Response(json.dumps(value, ensure_ascii=False).encode(), status)
