"""Build hook that adds what is not in the package's folder: the revision of the sources, and the files that are shipped."""

from __future__ import annotations

import os
import runpy
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BuildHook(BuildHookInterface):  # type: ignore[type-arg]  # it is the same for wheel and sdist
    """Adds the file ``exporter/REVISION`` and the shipped files, to a wheel under ``exporter/assets``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files, each with its place in what is built; none for an editable installation, which has the checkout."""
        if version == "editable":
            return
        self._add_revision(build_data["force_include"])
        shipped = runpy.run_path(str(Path(self.root, "exporter", "files", "shipped.py")))
        folder = "exporter/assets/" if self.target_name == "wheel" else ""
        for name in shipped["shipped_names"]():
            build_data["force_include"][str(Path(self.root, name))] = f"{folder}{name}"

    def _add_revision(self, places: dict[str, str]) -> None:
        """Write the variable SOURCE_REVISION to a file, for ``yunfu-exporter --version`` and the build_info metric; without it, nothing."""
        if revision := os.environ.get("SOURCE_REVISION"):
            self._directory = tempfile.TemporaryDirectory()
            written = Path(self._directory.name, "REVISION")
            written.write_text(f"{revision}\n", encoding="utf-8")
            places[str(written)] = "exporter/REVISION"
