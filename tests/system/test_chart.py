"""The chart's files, as far as they can be judged without Helm: one source for everything, and nothing left out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

import exporter
from helm import build
from helm.build import CHART, RULES, THRESHOLDS
from tests.support import chart
from tests.support.chart import CI_VALUES, golden_file
from tests.support.tools import ROOT

VALUES = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
ALERTS = [
    rule
    for path in sorted(RULES.glob("*.yaml"))
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
]
Path = tuple[str, ...]


def keys_of(
    values: dict[str, Any], schema: dict[str, Any], path: Path = ()
) -> Iterator[tuple[Path, dict[str, Any] | None]]:
    """Yield each key of the values with its schema, None if it has none, down to where the user's own keys begin."""
    for key, value in values.items():
        part = schema.get("properties", {}).get(key)
        yield (*path, key), part
        if isinstance(value, dict) and part and "properties" in part:
            yield from keys_of(value, part, (*path, key))


def test_what_is_generated_is_up_to_date() -> None:
    """The tables of both READMEs follow values.yaml and the rules, the schema of ``config`` the settings."""
    for path, content in build.files():
        assert path.read_text(encoding="utf-8") == content, f"{path.name} differs from its sources; run: make chart"


def test_every_value_is_in_the_schema() -> None:
    """Each key of values.yaml has its schema, and each key of the schema is in values.yaml but for a parent chart's condition."""
    known = dict(keys_of(VALUES, SCHEMA))
    assert [".".join(path) for path, part in known.items() if part is None] == []
    for path, part in [((), SCHEMA), *((path, part) for path, part in known.items() if part)]:
        if path[:1] != ("config",) and path[-1:] not in {(name,) for name in BY_KUBERNETES}:
            there = {each[-1] for each in known if each[:-1] == path}
            assert set(part.get("properties", there)) - ({"enabled"} if not path else set()) == there, path


BY_KUBERNETES = {"issuerRef", "extraConfig", "resources", "startupProbe", "livenessProbe", "readinessProbe"}
"""Objects of which values.yaml need not show every key."""


def test_the_schema_is_strict() -> None:
    """Wherever the chart owns the keys an unknown one is refused, but among the values that a parent chart shares with all."""

    def walk(part: Any, name: str) -> Iterator[str]:
        if isinstance(part, dict):
            if "properties" in part and part.get("additionalProperties") is not False:
                yield name
            for key, each in part.items():
                yield from walk(each, key)
        elif isinstance(part, list):
            for each in part:
                yield from walk(each, name)

    assert list(walk(SCHEMA, "")) == ["global"]


def test_every_value_is_tried() -> None:
    """Each documented value is set in one of the files that the renders are tested with."""
    tried: set[Path] = set()

    def note(values: dict[str, Any], path: Path = ()) -> None:
        for key, value in values.items():
            tried.add((*path, key))
            if isinstance(value, dict):
                note(value, (*path, key))

    for file in CI_VALUES:
        note(yaml.safe_load(file.read_text(encoding="utf-8")))
    assert {".".join(value.path) for value in build.values()} - {".".join(path) for path in tried} == set()


@pytest.mark.parametrize(
    "name", sorted({rule["alert"] for rule in ALERTS} | set(yaml.safe_load(THRESHOLDS.read_text())))
)
def test_thresholds_are_where_they_are_said_to_be(name: str) -> None:
    """Each stands once in the rule of its alert, with the number that is its default, and is explained in both languages."""
    for threshold in yaml.safe_load(THRESHOLDS.read_text(encoding="utf-8")).get(name, {}).values():
        text = threshold["text"].replace("%v", str(threshold["default"]))
        rules = [
            rule
            for rule in ALERTS
            if rule["alert"] == name
            and rule["labels"]["severity"] in threshold.get("severity", rule["labels"]["severity"])
        ]
        assert [rule["expr"].count(text) for rule in rules] == [1], text
        assert threshold["en"]
        assert re.search(r"[\u4e00-\u9fff]", threshold["zh"])


def test_there_is_one_source() -> None:
    """Rules and dashboards are links to where they are written; Helm packages what a link leads to."""
    for name, source in {"rules": "prometheus/rules", "dashboards": "grafana/dashboards"}.items():
        assert (CHART / "files" / name).is_symlink()
        assert (CHART / "files" / name).resolve() == ROOT / source


def test_the_chart_is_of_this_version() -> None:
    """The image that is run by default is the one of this version of the exporter."""
    assert yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["appVersion"] == exporter.__version__


def test_no_golden_render_is_left_over() -> None:
    """Each file of values has its golden render, and no golden render is of a file that is gone."""
    folder = golden_file(CI_VALUES[0]).parent
    assert sorted(folder.iterdir()) == sorted(map(golden_file, CI_VALUES))


def test_a_render_that_fails_leaves_the_golden_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Helm, ``make chart`` breaks off before it has changed or removed any of them."""
    before = {path: path.read_bytes() for path in chart.GOLDEN.iterdir()}

    def no_helm(*_: object) -> str:
        raise FileNotFoundError("helm")

    monkeypatch.setattr(chart, "golden", no_helm)
    with pytest.raises(FileNotFoundError, match="helm"):
        chart.write_golden()
    assert {path: path.read_bytes() for path in chart.GOLDEN.iterdir()} == before
