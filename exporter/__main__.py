"""The entry point: ``python -m exporter`` and the console script ``yunfu-exporter``.

The version, for probes and scripts, and signals are handled here, before anything heavy is imported.
"""

from __future__ import annotations

import signal
import sys

from exporter import __version__, revision


def main() -> None:
    """Run the command line and exit with its status."""
    words = sys.argv[1:]
    if "--version" in words or words[:1] in (["version"], ["-V"]):
        print(f"yunfu-exporter {__version__} ({revision()})")
        return
    _handle_signals(serves=not words or words[0] == "serve" or words[0].startswith("-"))
    from exporter.cli import run  # noqa: PLC0415  # see above

    sys.exit(run(words))


def _handle_signals(*, serves: bool) -> None:
    """End by a signal until the event loop handles signals: imports take a while, and so do thousands of tasks.

    Process 1 of a container has no default action, so it would not end at all. A signal to ``serve`` is a
    clean stop, and SIGHUP is ignored; any other command was interrupted, which is a failure.
    """

    def end(number: int, _: object) -> None:
        sys.exit(0 if serves else 128 + number)

    signal.signal(signal.SIGTERM, end)
    if serves:
        signal.signal(signal.SIGINT, end)
        signal.signal(signal.SIGHUP, lambda *_: None)


if __name__ == "__main__":
    main()
