"""A short run of the fuzzing whose long run has its figures in docs/security.md."""

from __future__ import annotations

import subprocess
import sys

from tests.support.programs import surroundings
from tests.support.tools import ROOT


def test_a_short_run_of_fuzzing() -> None:
    """Some thousand payloads and some hundred requests, other ones each time, bring nothing but clean errors."""
    words = [sys.executable, "benchmarks/fuzz.py", "2000", "400"]
    done = subprocess.run(words, cwd=ROOT, env=surroundings(), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no exception" in done.stdout
