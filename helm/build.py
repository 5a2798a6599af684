"""The generated parts of the chart, which it says twice: the tables of both READMEs and the configuration's keys in the schema of the values.

The sources are the comments in values.yaml, the shipped rules and the settings; ``--check`` only compares.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.generated import section_of, write_or_check
from exporter.config.settings import Settings

CHART: Final = Path(__file__).parent / "yunfu-exporter"
RULES: Final = CHART / "files" / "rules"
THRESHOLDS: Final = CHART / "files" / "thresholds.yaml"
SET_BY_CHART: Final = {"listen", "health_listen", "web_config_file", "state_file", "shard", "auto_reload"}
"""Keys of the configuration that are not the user's to give in ``config``."""

READMES: Final = {"README.md": "en", "README.zh-CN.md": "zh"}
HEADS: Final[dict[str, dict[str, Sequence[str]]]] = {
    "values": {"en": ("Key", "Default", "What for"), "zh": ("键", "默认值", "说明")},
    "alerts": {"en": ("Alert", "Severity", "For", "Thresholds"), "zh": ("告警", "级别", "持续", "阈值")},
}
_COMMENT: Final = re.compile(r"^ *# (?:(--)|(zh):) (.+)$")


class Value(NamedTuple):
    """A documented key of values.yaml: its path, its default, and what it is for by language."""

    path: tuple[str, ...]
    default: Any
    meaning: dict[str, str]


def values() -> Iterator[Value]:
    """Yield every documented key. Raises LookupError for one that lacks its comment in a language."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    yield from _values((), yaml.compose(text), text.splitlines())


def _values(path: tuple[str, ...], node: yaml.Node | None, lines: Sequence[str]) -> Iterator[Value]:
    assert isinstance(node, yaml.MappingNode)  # noqa: S101 - for mypy
    for key, value in node.value:
        here = (*path, key.value)
        meaning = _comments(lines, key.start_mark.line)
        if meaning:
            if set(meaning) != {"en", "zh"}:
                raise LookupError(f"values.yaml: {'.'.join(here)} is described in {', '.join(meaning)} only")
            yield Value(here, yaml.safe_load(yaml.serialize(value)), meaning)
        elif isinstance(value, yaml.MappingNode) and value.value:
            yield from _values(here, value, lines)
        else:
            raise LookupError(f"values.yaml: {'.'.join(here)} has no comment; expected '# -- …' and '# zh: …' above it")


def _comments(lines: Sequence[str], line: int) -> dict[str, str]:
    """Return the comments right above a line, by language."""
    found = {}
    while match := _COMMENT.match(lines[line := line - 1]) if line else None:
        found["zh" if match[2] else "en"] = match[3]
    return found


def _value_rows(language: str) -> Iterator[tuple[str, ...]]:
    for value in values():
        default = json.dumps(value.default, ensure_ascii=False)
        yield f"`{'.'.join(value.path)}`", f"`{default}`", value.meaning[language]


def _alert_rows(language: str) -> Iterator[tuple[str, ...]]:
    known = yaml.safe_load(THRESHOLDS.read_text(encoding="utf-8"))
    rules = [
        rule
        for path in sorted(RULES.glob("*.yaml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    for rule in rules:
        severity = rule["labels"]["severity"]
        texts = [
            f"`{name}` {each['default']} ({each[language]})"
            for name, each in known.get(rule["alert"], {}).items()
            if each.get("severity", severity) == severity
        ]
        yield f"`{rule['alert']}`", severity, rule["for"], "; ".join(texts) or "–"


def config_schema() -> dict[str, Any]:
    """Return the schema of ``config``: which keys there are and must be. What each accepts, the exporter says better."""
    schema = _section(Settings, without=SET_BY_CHART)
    del schema["required"]  # accounts may be in the environment
    return schema


def _section(model: type[BaseModel], without: Iterable[str] = ()) -> dict[str, Any]:
    fields = {key: info for key, info in model.model_fields.items() if key not in without}
    keys = {key: _key(info) for key, info in fields.items()}
    section = {"type": "object", "additionalProperties": False, "properties": keys}
    required = [key for key, info in fields.items() if info.is_required()]
    return {**section, "required": required} if required else section


def _key(info: FieldInfo) -> dict[str, Any]:
    about = {"description": info.description} if info.description else {}
    if info.annotation is str:
        about["type"] = "string"
    part = section_of(info)
    if part is None:
        return about
    section = _section(part)
    if get_origin(info.annotation) is tuple:
        return {**about, "type": "array", "items": section}
    return {**about, **section, "type": ["object", "null"]} if info.default is None else {**about, **section}


def files() -> Iterator[tuple[Path, str]]:
    """Yield the path and the content of each file."""
    for name, language in READMES.items():
        text = (CHART / name).read_text(encoding="utf-8")
        text = _replace(text, "values", _table(HEADS["values"][language], _value_rows(language)))
        text = _replace(text, "alerts", _table(HEADS["alerts"][language], _alert_rows(language)))
        yield CHART / name, text
    path = CHART / "values.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    schema["properties"]["config"] = config_schema()
    yield path, json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _replace(text: str, part: str, lines: Iterable[str]) -> str:
    begin, end = f"<!-- {part}, generated by: make chart -->\n", f"<!-- end of {part} -->\n"
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n" + "".join(f"{line}\n" for line in lines) + f"\n{end}" + rest.partition(end)[2]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    yield from (f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)


if __name__ == "__main__":
    sys.exit(write_or_check("python -m helm.build", __doc__, files(), "make chart"))
