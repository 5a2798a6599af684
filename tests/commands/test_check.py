"""The command check as users type it."""

from __future__ import annotations

from exporter.demo.simulator import Fault
from tests.support.commands import Command
from tests.support.programs import (
    Platform,
)


def test_check_says_that_all_is_well(command: Command) -> None:
    """A good configuration gets its budget; --live also calls the platform, and says whether that worked."""
    plain, live = command("check"), command("check", "--live")
    assert (plain.status, plain.err) == (0, "")
    assert plain.out.startswith("the configuration is good\naccount default: ")
    assert "live call" not in plain.out
    assert "add --live" in plain.out
    assert "add --live" not in live.out
    assert (live.status, live.err) == (0, "")
    assert live.out.endswith(": live call: answered\n")


def test_check_live_tells_a_refused_token(platform: Platform, command: Command) -> None:
    """A configuration that is good but does not work is status 1, with the reason."""
    platform.simulator.faults.append(Fault(kind="expired_token"))
    done = command("check", "--live")
    assert (done.status, done.err) == (1, "")
    assert done.out.endswith(
        ": live call: failed: http_401: the platform answered HTTP 401 Unauthorized; the platform says: token无效或已过期\n"
    )
    assert "add --live" not in done.out
