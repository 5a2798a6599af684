"""``python -m exporter`` and the console script ``yunfu-exporter``.

The version is answered here, before anything heavy is imported: it has to be quick in probes and scripts.
"""

from __future__ import annotations

import sys

from exporter import __version__, revision


def main() -> None:
    """Run the command line and exit with its status."""
    if "--version" in sys.argv[1:]:
        print(f"yunfu-exporter {__version__} ({revision()})")
        return
    from exporter.cli import run  # noqa: PLC0415  # see above

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
