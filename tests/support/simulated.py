"""A simulator that is called without a network, on a clock that is moved by hand or is the event loop's."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from exporter.api.errors import HttpError, NotFound
from exporter.api.responses import StatResponse, parse_envelope, parse_stat_response
from exporter.demo.simulator import Simulator, SimulatorOptions
from exporter.demo.simulator.server import Request, Response
from tests.support.gates import open_gate

HALF_PAST_NINE: Final = 1_751_247_000.0  # Monday 2025-06-30 09:30 in China


@dataclass
class Called:
    """A simulator of ``options``; ``clock`` is its callers' Unix time."""

    options: SimulatorOptions
    clock: float = HALF_PAST_NINE
    simulator: Simulator = field(init=False)

    def __post_init__(self) -> None:
        """Begin the simulation at the clock's time."""
        self.simulator = Simulator(self.options, clock=lambda: self.clock)

    def get(self, path: str, *query: tuple[str, str], account: int = 0) -> Response:
        """Call ``path`` as the account of that index, USER in it being the account's id."""
        caller = self.simulator.accounts[account]
        words = "&".join("=".join(pair) for pair in query)
        headers = {"authorization": f"Bearer {caller.token}"}
        return self.simulator.answer(Request("GET", path.replace("USER", caller.user_id), words, headers))

    def read(self, path: str, *query: tuple[str, str]) -> Any:
        """Call a path, and return the JSON of its answer."""
        return json.loads(self.get(path, *query).body)

    def statuses(self, count: int, path: str = "/agent-api/user/USER/task", account: int = 0) -> list[int]:
        """Make ``count`` calls at once, and return their HTTP statuses."""
        return [self.get(path, account=account).status for _ in range(count)]


class SimulatedClient:
    """Stands in for YunfuClient: calls a simulator whose time is the event loop's, without a network.

    ``polls`` are the times of all polls by task id, and ``calls`` counts API calls by endpoint.
    """

    held_seconds = 0.0

    def __init__(self, options: SimulatorOptions) -> None:
        loop = asyncio.get_running_loop()
        self.simulator = Simulator(options, clock=lambda: HALF_PAST_NINE + loop.time())
        self.user_id = self.simulator.accounts[0].user_id
        self.gate = open_gate()
        self.calls: Counter[str] = Counter()
        self.polls: defaultdict[str, list[float]] = defaultdict(list)

    async def get(
        self, endpoint: str, path: str, query: list[tuple[str, str]], read: Callable[[Mapping[str, Any]], Any]
    ) -> Any:
        """Return what is read of the envelope. Raises HttpError."""
        self.calls[endpoint] += 1
        return read(parse_envelope(self._body(path, query)))

    async def stat(self, ref: Any, span: object = None, known: bytes = b"") -> StatResponse:
        """Return a task's statistics. Raises HttpError."""
        assert span is None
        self.calls["stat"] += 1
        self.polls[ref.id].append(asyncio.get_running_loop().time())
        query = [("sub_user_id", ref.sub_user_id)] if ref.sub_user_id else []
        return parse_stat_response(self._body(f"/user/{self.user_id}/task/{ref.id}/stat", query), known)

    def through(self, *_: object) -> SimulatedClient:
        """Return a client whose calls pass something else: none of these passes anything."""
        return self

    async def refresh_token(self, *, force: bool = False) -> bool:  # noqa: ARG002  # the client's signature
        """Have no token file."""
        return False

    async def refresh_authorities(self, *, force: bool = False) -> bool:  # noqa: ARG002  # the client's signature
        """Have no CA file."""
        return False

    def respond(self, path: str, query: list[tuple[str, str]]) -> Response:
        """Return the simulator's response to a call."""
        headers = {"authorization": f"Bearer {self.simulator.accounts[0].token}"}
        return self.simulator.answer(Request("GET", f"/agent-api{path}", urlencode(query), headers))

    def _body(self, path: str, query: list[tuple[str, str]]) -> bytes:
        response = self.respond(path, query)
        if response.status != 200:
            kind = NotFound if response.status == 404 else HttpError
            raise kind(response.status, "refused")
        return response.body
