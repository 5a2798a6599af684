"""Build hook that adds the revision of the sources, for ``yunfu-exporter --version`` and the build_info metric."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class RevisionHook(BuildHookInterface):  # type: ignore[type-arg]  # it is the same for wheel and sdist
    """Adds ``exporter/REVISION`` with the content of the variable SOURCE_REVISION; without the variable, nothing."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # the base's signature
        """Write the file to a temporary folder and name it as one of the package's."""
        if revision := os.environ.get("SOURCE_REVISION"):
            self._directory = tempfile.TemporaryDirectory()
            written = Path(self._directory.name, "REVISION")
            written.write_text(f"{revision}\n", encoding="utf-8")
            build_data["force_include"][str(written)] = "exporter/REVISION"
