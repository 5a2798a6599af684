"""The dashboards as JSON files: writes them, or with ``--check`` only lists those that differ from what the code makes."""

import sys
from collections.abc import Iterator
from pathlib import Path

from docs.generated import write_or_check
from grafana import daily, exporter, overview, task
from grafana.words import Language

FOLDER = Path(__file__).parent / "dashboards"
DASHBOARDS = {"overview": overview.build, "task": task.build, "exporter": exporter.build, "daily": daily.build}


def files() -> Iterator[tuple[Path, str]]:
    """Yield the path and the content of each file."""
    for language in Language:
        for name, build in DASHBOARDS.items():
            yield FOLDER / language / f"{name}.json", build(language).to_json()


if __name__ == "__main__":
    sys.exit(write_or_check("python -m grafana.build", __doc__, files(), "make dashboards"))
