"""Short runs of the attacks whose long runs have their figures in docs/security.md."""

from __future__ import annotations

import subprocess
import sys

from tests.support.programs import surroundings
from tests.support.tools import ROOT


def attack(*words: str) -> str:
    """Run a program of the benchmarks, which fails if something does not hold; return what it prints."""
    command = [sys.executable, *words]
    done = subprocess.run(
        command, cwd=ROOT, env=surroundings(), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_short_run_of_fuzzing() -> None:
    """Some thousand payloads and some hundred requests, other ones each time, bring nothing but clean errors."""
    assert "no exception" in attack("benchmarks/fuzz.py", "2000", "400")


def test_a_hostile_platform_takes_nothing_down() -> None:
    """While every answer is as nasty as can be, the exporter answers, stays small, and ends when it is told to."""
    assert "with status 0" in attack("benchmarks/hostile_platform.py", "5")
