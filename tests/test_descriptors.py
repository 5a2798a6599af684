"""File descriptors: the division of the process's limit."""

from __future__ import annotations

import resource

import pytest

from exporter.descriptors import BESIDE, Descriptors, open_files_limit

LIMITS = (64, 100, 256, 1024, 4096, 65536)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("concurrency", [1, 8, 60, 1000])
@pytest.mark.parametrize("accounts", [1, 2, 7, 20])
def test_all_parts_fit_into_the_limit(limit: int, concurrency: int, accounts: int) -> None:
    """Both ports full, each account with all its calls and probes, and what is needed beside them: together no more than there is."""
    all_files = Descriptors(limit)
    calls = all_files.calls_at_once(concurrency, accounts)
    probes = all_files.probes_at_once(calls, accounts)
    assert all_files.faults(accounts) == []
    assert BESIDE + all_files.main + all_files.health + accounts * (calls + probes) <= limit
    assert 1 <= calls <= concurrency
    assert all_files.main >= 10
    assert all_files.health >= 6


def test_calls_that_connect_have_two_descriptors() -> None:
    """Where there is room for it, both families of addresses can be tried at once by all calls."""
    all_files = Descriptors(256)
    calls = all_files.calls_at_once(8, 4)
    assert 4 * 2 * (calls + all_files.probes_at_once(calls, 4)) <= all_files.calls
    assert calls == 8


def test_too_many_accounts_are_refused_with_the_limit_they_need() -> None:
    """More accounts than there are descriptors for one call each are a fault that says what to do."""
    assert Descriptors(64).faults(20) == []
    expected = "at most 20, or a limit of at least 144 (ulimit -n, LimitNOFILE= of systemd)"
    fault = f"accounts: 60 are too many for a process that may open 64 files; expected {expected}"
    assert Descriptors(64).faults(60) == [fault]
    assert Descriptors(144).faults(60) == []


def test_no_limit_is_a_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system sets no limit, the ports have all the places that they ever have."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert open_files_limit() > 100_000
    assert (Descriptors().main, Descriptors().health) == (512, 64)
