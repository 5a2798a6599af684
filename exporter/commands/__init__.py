"""The commands that run once, the exit statuses of all commands, and how they complain."""

import os
import sys
from typing import Final

OK: Final = 0
FAILED: Final = 1
BAD_CONFIGURATION: Final = 2


def complain(text: str) -> None:
    """Write a line to standard error; where that is closed or full, the exit status alone says that something is wrong."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(f"yunfu-exporter: {text}\n")
        sys.stderr.flush()
    except OSError:
        abandon(sys.stderr.fileno())


def abandon(number: int) -> None:
    """Let what a standard stream still holds go nowhere, so that the interpreter does not fail at its end to write it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
