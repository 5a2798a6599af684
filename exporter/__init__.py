"""Prometheus exporter for the outbound-call campaigns of the Yunfu (telrobot) platform."""

from functools import cache
from pathlib import Path

__version__ = "0.1.0"

_GIT_SECONDS = 5


@cache
def revision() -> str:
    """Return the revision of the sources: a build's from its file (hatch_build.py), a checkout's from git, else ``unknown``.

    A checkout's ends with ``-dirty`` where files have been changed since that commit.
    """
    folder = Path(__file__).parent
    try:
        return (folder / "REVISION").read_text(encoding="utf-8").strip()
    except OSError:
        return _revision_of_checkout(folder.parent) or "unknown"


def _revision_of_checkout(folder: Path) -> str:
    """Return what git says of a checkout, in the form of the Makefile; empty without a checkout or without git."""
    repository = folder / ".git"
    if not repository.exists():  # an installed package may be somewhere below another project's
        return ""
    import subprocess  # noqa: PLC0415  # most installations are built and need none

    words = ["git", f"--git-dir={repository}", f"--work-tree={folder}", "--no-optional-locks"]
    words += ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(words, capture_output=True, encoding="utf-8", timeout=_GIT_SECONDS, check=False)  # noqa: S603  # fixed words
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
