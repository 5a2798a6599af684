"""File descriptors: how the limit of the process is divided, so that no part of the exporter takes what another needs.

All are counts of descriptors, the limit is RLIMIT_NOFILE.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass, field
from typing import Final

BESIDE: Final = 24
"""For what is neither a client's connection nor an API call's: standard streams, event loop, listening sockets, files, name look-ups."""

_MOST_OF_MAIN: Final = 512
_MOST_OF_HEALTH: Final = 64
_UNLIMITED: Final = 1 << 20


def open_files_limit() -> int:
    """Return how many descriptors the process may have open."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _UNLIMITED if soft == resource.RLIM_INFINITY else soft


@dataclass(frozen=True, slots=True)
class Descriptors:
    """The division of a limit: half of what is not needed beside is for API calls, the other half for the two ports."""

    limit: int = field(default_factory=open_files_limit)

    @property
    def calls(self) -> int:
        """For the API calls of all accounts."""
        return max(0, self.limit - BESIDE) // 2

    @property
    def health(self) -> int:
        """For connections to ``health_listen``."""
        return max(1, min(_MOST_OF_HEALTH, self.calls // 3))

    @property
    def main(self) -> int:
        """For connections to the main port."""
        return max(1, min(_MOST_OF_MAIN, self.calls - self.health))

    def calls_at_once(self, concurrency: int, accounts: int) -> int:
        """Return how many of an account's ``concurrency`` API calls fit, if there are so many accounts.

        While it connects, a call may take two: one for each family of addresses. Probes have one beside the polls.
        """
        of_account = self.calls // max(1, accounts)
        return max(1, min(concurrency, of_account // 2 - 1))

    def probes_at_once(self, concurrency: int, accounts: int) -> int:
        """Return how many probes of an account fit beside its ``calls_at_once``: a fifth of these; 0: none fits beside a call."""
        of_account = self.calls // max(1, accounts)
        return 0 if of_account <= 1 else max(1, min(concurrency // 5, of_account // 2 - concurrency))

    def faults(self, accounts: int) -> list[str]:
        """Return why so many accounts cannot be polled, in a line; none if they can."""
        if accounts <= self.calls:
            return []
        expected = (
            f"at most {self.calls}, or a limit of at least {BESIDE + 2 * accounts} (ulimit -n, LimitNOFILE= of systemd)"
        )
        return [
            f"accounts: {accounts} are too many for a process that may open {self.limit} files; expected {expected}"
        ]
