"""Generated files: written, or with ``--check`` compared with what the code makes of them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo


def write_or_check(program: str, about: str | None, files: Iterable[tuple[Path, str]], command: str) -> int:
    """Write the files that differ, or with ``--check`` only list them; return the exit status, 1 if a checked one differs.

    ``files`` are paths with their contents, and ``command`` writes them anew.
    """
    parser = argparse.ArgumentParser(prog=program, description=about, allow_abbrev=False)
    parser.add_argument("--check", action="store_true", help="write nothing")
    is_check = parser.parse_args().check
    stale = [(path, content) for path, content in files if not is_written(path, content)]
    for path, content in stale:
        print(f"{path}: {f'differs from its sources; run: {command}' if is_check else 'written'}")
        if not is_check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    return 1 if is_check and stale else 0


def is_written(path: Path, content: str) -> bool:
    """Return whether a file is there, with this content."""
    return path.exists() and path.read_text(encoding="utf-8") == content


def section_of(info: FieldInfo) -> type[BaseModel] | None:
    """Return the model of a setting that is a section, or a list of sections; None for any other setting."""
    kinds = (info.annotation, *get_args(info.annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
