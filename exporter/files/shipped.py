"""The files that come with the program: rules, dashboards, examples, the runbook and the documents that it leads to.

In a checkout they are where they are written; a wheel has them in ``exporter/assets``, where ``hatch_build.py`` puts them, which
runs this module by its path. The tree is the same in both, so that links between the files hold.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

SHIPPED: Final = (
    "prometheus/**/*",
    "grafana/dashboards/**/*",
    "grafana/provisioning/**/*",
    "deploy/**/*",
    "docs/**/*.md",
    "helm/yunfu-exporter/README*.md",
    "CHANGELOG.md",
    "SECURITY*.md",
)
_NOT_SHIPPED: Final = ("tests", "__pycache__", "secrets")

_PACKAGE: Final = Path(__file__).parent.parent


def shipped_root() -> Path:
    """Return the directory of the tree: the wheel's, else that of the checkout."""
    built = _PACKAGE / "assets"
    return built if built.is_dir() else _PACKAGE.parent


def shipped_names() -> list[str]:
    """Return the paths of the files within the tree, sorted. Tests, code, the user's secrets and hidden files are left out."""
    root = shipped_root()
    found = {path.relative_to(root) for pattern in SHIPPED for path in root.glob(pattern) if path.is_file()}
    return sorted(path.as_posix() for path in found if path.suffix != ".py" and not any(map(_is_left_out, path.parts)))


def _is_left_out(part: str) -> bool:
    return part in _NOT_SHIPPED or part.startswith(".")
