"""The gate of an account in tests, which keeps nobody waiting unless it is told to."""

from __future__ import annotations

from exporter.api.gate import AccountGate, TokenGates


def open_gate(per_second: float = 1000, concurrency: int = 8, gates: TokenGates | None = None) -> AccountGate:
    """Return the gate of the account main with a rate_limit."""
    return AccountGate(
        gates or TokenGates(),
        account="main",
        base_url="http://h",
        token="t",
        configured=per_second * 60,
        concurrency=concurrency,
        waited=lambda _: None,
    )
