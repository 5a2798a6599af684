"""Prometheus exporter for the outbound-call campaigns of the Yunfu (telrobot) platform."""

from pathlib import Path

__version__ = "0.1.0"


def revision() -> str:
    """Return the source revision that the build laid beside this file (hatch_build.py), or ``unknown`` in a checkout."""
    try:
        return Path(__file__).with_name("REVISION").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return "unknown"
