"""What several test modules share."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent / "data"


def need(program: str, install: str) -> str:
    """Return the path of a program under test; without it skip, but fail where CI=true says that all must be there."""
    path = shutil.which(program)
    if path is not None:
        return path
    reason = f"{program} is not installed; to install it: {install}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def need_file(path: Path, install: str) -> Path:
    """Return the path of a file that the tests use, as ``need`` does with a program."""
    if path.exists():
        return path
    reason = f"{path} is not there; to install it: {install}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def documented() -> Any:
    """Return the ``data`` of the statistics response that the vendor documents, fresh at each call."""
    return json.loads((DATA / "stat.json").read_text(encoding="utf-8"))["data"]
