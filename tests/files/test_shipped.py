"""The files that come with the program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exporter.files import shipped
from exporter.files.shipped import shipped_names, shipped_root
from tests.support.markdown import Document
from tests.support.tools import ROOT, run


def put(root: Path, *names: str) -> None:
    """Make files of a tree."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name, encoding="utf-8")


def test_what_people_use_beside_the_program_is_shipped() -> None:
    """Of a checkout that is all that is tracked for Prometheus, Alertmanager, Grafana and systemd, and the documents; nothing else is."""
    folders = ("prometheus", "grafana/dashboards", "grafana/provisioning", "deploy", "docs", "helm/yunfu-exporter")
    tracked = run("git", "ls-files", "CHANGELOG.md", "SECURITY*.md", *folders).splitlines()
    not_for_users = re.compile(r".*\.py$|prometheus/tests/|docs/images/|helm/yunfu-exporter/(?!README)")
    assert shipped_root() == ROOT
    assert shipped_names() == sorted(name for name in tracked if not not_for_users.match(name))


def test_no_link_between_them_leads_to_nothing() -> None:
    """Whoever has only these files can follow each link of a document."""
    names = {*shipped_names()}
    folders = {str(above) for name in names for above in Path(name).parents}
    for name in names:
        if name.endswith(".md"):
            for link in Document(ROOT / name).links:
                if not re.match(r"https?://|#", link):
                    target = ((ROOT / name).parent / link.partition("#")[0]).resolve().relative_to(ROOT)
                    assert str(target) in names | folders, f"{name}: {link}"


def test_tests_code_secrets_and_hidden_files_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever lies in the folders of a checkout."""
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path / "exporter")
    put(tmp_path, "prometheus/rules/a.yaml", "prometheus/b/c/d.tmpl", "docs/a.md", "exporter/cli.py", "README.md")
    put(tmp_path, "prometheus/tests/a.yaml", "prometheus/b/make.py", "prometheus/b/__pycache__/make.pyc", "docs/a.png")
    put(tmp_path, "prometheus/.a.yaml.swp", "grafana/dashboards/.git/x.json", "grafana/board.json")
    put(tmp_path, "prometheus/alertmanager/secrets/yunfu-robots/dingtalk")
    assert shipped_names() == ["docs/a.md", "prometheus/b/c/d.tmpl", "prometheus/rules/a.yaml"]


def test_those_of_a_wheel_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package looks in itself, and not at what lies beside it."""
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path / "exporter")
    put(tmp_path, "exporter/assets/deploy/a.yaml", "deploy/b.yaml")
    assert shipped_names() == ["deploy/a.yaml"]
    assert shipped_root() == tmp_path / "exporter" / "assets"
