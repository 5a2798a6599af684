"""Threads for calls that may never return."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from exporter import threads
from tests.support.programs import surroundings
from tests.support.tools import ROOT


def test_no_call_waits_for_another() -> None:
    """However many calls hang, the next one is made at once; what they return or raise comes to who asked."""
    let_go = threading.Event()

    async def main() -> list[object]:
        hanging = [asyncio.create_task(asyncio.to_thread(let_go.wait, 20)) for _ in range(100)]
        assert await asyncio.to_thread(int, "7") == 7
        with pytest.raises(ValueError, match="invalid literal"):
            await asyncio.to_thread(int, "x")
        assert not any(each.done() for each in hanging)
        let_go.set()
        return await asyncio.gather(*hanging)

    assert threads.run(main()) == [True] * 100


def test_the_end_waits_for_no_call() -> None:
    """A program whose calls hang ends when its coroutine does."""
    code = """
import asyncio, time
from exporter import threads
async def main():
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 600)
    return "ended"
print(threads.run(main()))
"""
    command = (sys.executable, "-c", code)
    done = subprocess.run(
        command, cwd=ROOT, env=surroundings(), capture_output=True, text=True, check=False, timeout=20
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")
