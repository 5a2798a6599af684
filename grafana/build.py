"""The dashboards as JSON files: writes them, or with ``--check`` only lists those that differ from what the code makes."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from grafana import exporter, overview, task
from grafana.words import Language

FOLDER = Path(__file__).parent / "dashboards"
DASHBOARDS = {"overview": overview.build, "task": task.build, "exporter": exporter.build}


def files() -> Iterator[tuple[Path, str]]:
    """Give the path and the content of each file."""
    for language in Language:
        for name, build in DASHBOARDS.items():
            yield FOLDER / language / f"{name}.json", build(language).to_json()


def main() -> int:
    """Write or check; the exit status is 1 if a file was to be checked and differs."""
    parser = argparse.ArgumentParser(prog="python -m grafana.build", description=__doc__, allow_abbrev=False)
    parser.add_argument("--check", action="store_true", help="write nothing")
    is_check = parser.parse_args().check
    stale = [(path, content) for path, content in files() if not _holds(path, content)]
    for path, content in stale:
        print(f"{path}: {'differs from the code; run: make dashboards' if is_check else 'written'}")
        if not is_check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    return 1 if is_check and stale else 0


def _holds(path: Path, content: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == content


if __name__ == "__main__":
    sys.exit(main())
