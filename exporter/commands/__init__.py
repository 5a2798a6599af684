"""The commands that run once, and the exit statuses of all commands."""

from typing import Final

OK: Final = 0
FAILED: Final = 1
BAD_CONFIGURATION: Final = 2
