"""``python -m exporter`` and the console script ``yunfu-exporter``.

The version is answered here, before anything heavy is imported: it has to be quick in probes and scripts.
"""

from __future__ import annotations

import os
import sys

from exporter import __version__


def main() -> None:
    """Run the command line and exit with its status."""
    if "--version" in sys.argv[1:]:
        print(f"yunfu-exporter {__version__} ({revision()})")
        return
    from exporter.cli import run  # noqa: PLC0415  # see above

    sys.exit(run(sys.argv[1:]))


def revision() -> str:
    """Return the source revision that the build recorded in the environment, or ``unknown``."""
    return os.environ.get("SOURCE_REVISION", "unknown")


if __name__ == "__main__":
    main()
