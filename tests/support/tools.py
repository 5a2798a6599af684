"""Helpers for several test modules: programs, data, files."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).parent.parent.parent
DATA = ROOT / "tests" / "data"


def need(program: str, install: str) -> str:
    """Return the path of a program under test; without it skip, but fail where CI=true says that all must be there."""
    return shutil.which(program) or missing(f"{program} is not installed", install)


def missing(what: str, mend: str) -> NoReturn:
    """Skip for want of something, saying how to get it; fail where CI=true says that all must be there."""
    reason = f"{what}; to mend it: {mend}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def need_file(path: Path, install: str) -> Path:
    """Return the path of a file that the tests use, as ``need`` does with a program."""
    return path if path.exists() else missing(f"{path} is not there", install)


def run(*words: str | Path, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> str:
    """Run a program; return what it prints. Fails with the end of its output if its exit status is not 0."""
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(map(str, words))}\n{(done.stdout + done.stderr)[-3000:]}"
    return done.stdout.strip()


def attempt(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, whatever its exit status; its two outputs are one text."""
    return subprocess.run(words, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600)


def make(*words: str) -> str:
    """Run make, and keep from it the arguments of a make outside, as in ``make test ARGS=…``."""
    return run(
        "make", *words, env={name: text for name, text in os.environ.items() if "MAKE" not in name and name != "ARGS"}
    )


def documented() -> Any:
    """Return the ``data`` of the statistics response that the vendor documents, fresh at each call."""
    return json.loads((DATA / "stat.json").read_text(encoding="utf-8"))["data"]
