"""The simulator: accounts and campaigns, a clock that may run fast, incidents, and the server of it all."""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from exporter.demo.simulator import control
from exporter.demo.simulator.api import Api
from exporter.demo.simulator.documents import CHINA
from exporter.demo.simulator.faults import Fault
from exporter.demo.simulator.platform import AccountPlan, SimulatedAccount, SimulatedTask, make_account
from exporter.demo.simulator.server import Request, Response, listen
from exporter.demo.simulator.throttle import OtherProgram, Throttle

INCIDENTS: Final = ("carrier_block", "bad_list", "over", "pause", "resume", "reset", "vanish", "appear")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """What is simulated. The same options give the same history.

    ``speed`` is simulated seconds per second; ``start`` the simulated Unix time at the beginning (None: half past nine
    in China today, when the dialling begins); ``scale`` the size of the campaigns, 1 for some tens to tens of thousands
    of numbers; ``history`` keeps what spans of time are answered from, which costs memory with thousands of tasks.

    ``quota`` is the calls that a token is allowed within ``quota_seconds`` of the callers' clock, whatever the speed (0:
    any number); without ``quota_headers`` no answer says so. ``others`` is the calls that the customer's other programs
    make in that time with the first account's token, ``others_burst`` at once. With ``shared_token`` all accounts have one.
    """

    seed: int = 1
    tasks: int = 24
    accounts: int = 1
    sub_accounts: int = 0
    speed: float = 60.0
    start: float | None = None
    scale: float = 1.0
    php_flavours: bool = True
    opaque_token: bool = False
    shared_token: bool = False
    quota: int = 0
    quota_seconds: float = 60.0
    quota_headers: bool = True
    others: int = 0
    others_burst: int = 10
    history: bool = True


class Simulator:
    """A stand-in for the platform. ``clock`` is Unix time; a test passes one that it moves by hand."""

    def __init__(self, options: SimulatorOptions | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self.options = options = options or SimulatorOptions()
        self._clock = clock
        self._epoch = clock()
        today = _half_past_nine(self._epoch)
        self.start = today if options.start is None else options.start
        self.speed = options.speed
        self._offset = 0.0
        plan = AccountPlan(
            tasks=options.tasks,
            sub_accounts=options.sub_accounts,
            start=self.start,
            scale=options.scale,
            issued=today,
            has_dialects=options.php_flavours,
            has_opaque_token=options.opaque_token,
            keeps_history=options.history,
        )
        rng = random.Random(options.seed)
        self.accounts: Sequence[SimulatedAccount] = [make_account(rng, plan) for _ in range(options.accounts)]
        token = self.accounts[0].token
        if options.shared_token:
            for account in self.accounts:
                account.token = token
        throttle = Throttle(options.quota, options.quota_seconds, has_headers=options.quota_headers)
        self._others = OtherProgram(
            throttle, f"Bearer {token}", rate=options.others, burst=options.others_burst, begin=self._epoch
        )
        self._api = Api(self.accounts, rng, now=self.now, clock=clock, throttle=throttle, others=self._others)
        self.faults = self._api.faults
        """The faults in force; add to them and remove from them at will."""
        self.calls = self._api.calls
        """Calls by endpoint, and of statistics by task id; ``throttled`` are those answered 429."""

    def now(self) -> float:
        """Return the simulated Unix time."""
        return self.start + self._offset + (self._clock() - self._epoch) * self.speed

    def advance(self, seconds: float) -> None:
        """Jump forward in simulated time."""
        self._offset += seconds

    def set_speed(self, speed: float) -> None:
        """Change the speed of simulated time from now on."""
        self._offset = self.now() - self.start
        self._epoch = self._clock()
        self.speed = speed

    @property
    def others(self) -> OtherProgram:
        """The customer's other programs, which have made their calls up to now."""
        self._others.advance(self._clock())
        return self._others

    def add_fault(self, fault: Fault) -> None:
        """Add a fault, after those in force."""
        self.faults.append(fault)

    def clear_faults(self) -> None:
        """End all faults."""
        self.faults.clear()

    def task(self, task_id: str) -> SimulatedTask:
        """Return a task, brought up to now. Raises KeyError."""
        for account in self.accounts:
            if task := account.tasks.get(task_id):
                task.campaign.advance(self.now())
                return task
        raise KeyError(task_id)

    def truth(self, task_id: str) -> dict[str, Any]:
        """Return what really happened to a task since it began, resets or not. Raises KeyError.

        ``results`` are dial results by status code, ``numbers`` the numbers by present status, ``progress`` is 0-1.
        """
        task = self.task(task_id)
        life = task.campaign.lifetime
        return {
            "name": task.name,
            "state": task.state(self.now()),
            "answered": life.answered,
            "unanswered": life.unanswered,
            "results": life.results,
            "numbers": list(task.campaign.numbers),
            "progress": task.campaign.progress,
            "resets": task.resets,
            "incident": task.campaign.incident,
        }

    def incident(self, kind: str, task: str | None = None) -> str:
        """Start an incident of a task; return its id. Raises ValueError."""
        if kind not in INCIDENTS:
            raise ValueError(f"kind: {kind!r} is no incident; expected one of {', '.join(INCIDENTS)}")
        if kind == "appear":
            return self.accounts[0].appear(self.now()).id
        if task is None:
            raise ValueError(f"task: missing; {kind} happens to a task")
        try:
            struck = self.task(task)
        except KeyError:
            raise ValueError(f"task: {task!r} is no task; /_control/accounts lists them") from None
        match kind:
            case "carrier_block" | "bad_list":
                struck.campaign.incident = kind
            case "over":
                struck.campaign.incident = ""
            case "pause" | "resume":
                struck.campaign.pause(self.now(), paused=kind == "pause")
            case "reset":
                struck.campaign.reset()
                struck.resets += 1
            case "vanish":
                struck.gone = True
        struck.forget_body()
        return task

    def answer(self, request: Request) -> Response:
        """Answer a request: the API's, or the control path's."""
        if request.path.startswith("/_control/"):
            return control.answer(self, request)
        return self._api.answer(request)

    @asynccontextmanager
    async def serve(
        self, host: str = "127.0.0.1", port: int = 0, context: ssl.SSLContext | None = None
    ) -> AsyncIterator[str]:
        """Serve the API for as long as the context lasts; gives the base URL. Raises OSError if the port is taken."""
        listening, bound = await listen(self.answer, host, port, context)
        try:
            yield f"{'http' if context is None else 'https'}://{host}:{bound}"
        finally:
            await listening.close()


def _half_past_nine(moment: float) -> float:
    """Return half past nine in China on the day of that moment."""
    return datetime.fromtimestamp(moment, CHINA).replace(hour=9, minute=30, second=0, microsecond=0).timestamp()
