"""Prometheus exporter for the outbound-call campaigns of the Yunfu (telrobot) platform."""

import os

__version__ = "0.1.0"


def revision() -> str:
    """Return the source revision that the build recorded in the environment, or ``unknown``."""
    return os.environ.get("SOURCE_REVISION", "unknown")
