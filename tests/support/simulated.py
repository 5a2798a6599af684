"""A simulator that is called without a network, on a clock that is moved by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

from exporter.demo.simulator import Simulator, SimulatorOptions
from exporter.demo.simulator.server import Request, Response

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
