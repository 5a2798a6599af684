"""The generated references in docs/configuration and docs/metrics, in both languages; ``--check`` only compares.

What stands between the two marks of a file is generated; the rest is written by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from docs.generated import section_of, write_or_check
from docs.words import ACCEPTED, CHINESE, ENDPOINTS, LABELS
from exporter.api.errors import REASONS
from exporter.api.model import STATUSES, TaskState
from exporter.config.settings import Settings
from exporter.demo.simulator.documents import STATUS_TEXTS
from exporter.metrics import families
from exporter.metrics.families import Family
from exporter.metrics.own_families import ACCOUNT_FAMILIES, EXPORTER_FAMILIES, OwnFamily
from exporter.words.labels import OUTCOMES, REFUSALS, ROUNDS
from exporter.words.text import Text

FOLDER: Final = Path(__file__).parent
BEGIN: Final = "<!-- generated from the code by: make docs -->\n"
END: Final = "<!-- end of what is generated -->\n"

Say: TypeAlias = Callable[[str | Text], str]
"""Says a text in the language that is written; an English one by its translation in ``docs.words``."""


def files() -> Iterator[tuple[Path, str]]:
    """Yield the path and the content of each file. Raises LookupError for a text that has no translation."""
    languages: dict[str, Say] = {"": in_english, ".zh-CN": in_chinese}
    for suffix, say in languages.items():
        for name, write in {"configuration": configuration, "metrics": metrics}.items():
            path = FOLDER / f"{name}{suffix}.md"
            before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
            after = rest.partition(END)[2]
            yield path, f"{before}{BEGIN}\n" + "".join(f"{line}\n" for line in write(say)) + f"{END}{after}"


def in_english(text: str | Text) -> str:
    """Return the English of a text."""
    return text.en if isinstance(text, Text) else text


def in_chinese(text: str | Text) -> str:
    """Return the Chinese of a text. Raises LookupError if there is none."""
    if isinstance(text, Text):
        return text.zh
    if text not in CHINESE:
        raise LookupError(f"docs/words.py has no Chinese for: {text}")
    return CHINESE[text]


def configuration(say: Say) -> Iterator[str]:
    """Yield the reference of all keys: a table for each section."""
    yield from _section(Settings, "", say)


def _section(model: type[BaseModel], path: str, say: Say) -> Iterator[str]:
    parts = {key: part for key, info in model.model_fields.items() if (part := section_of(info))}
    defaults = model.model_construct().model_dump(mode="json", exclude=set(parts))
    yield f"### {say('Top level') if not path else f'`{path}`'}\n"
    if path:
        yield f"{say(_sentence(model))}\n"
    rows = []
    for key, info in model.model_fields.items():
        if part := parts.get(key):
            accepted = f"[{say('a section')}](#{re.sub(r'[^a-z_]', '', path + key)})"
            meaning = say(info.description or _sentence(part))
        else:
            accepted, meaning = say(", ").join(_accepted(info, say)), say(info.description or "")
        rows.append((f"`{key}`", accepted, _default(info, defaults.get(key), say), _cell(meaning)))
    yield from _table([say(head) for head in ("Key", "Accepted", "Default", "Meaning")], rows)
    for key, part in parts.items():
        is_list = get_origin(model.model_fields[key].annotation) is tuple
        yield from _section(part, f"{path}{'.' if path else ''}{key}{'[]' if is_list else ''}", say)


def _sentence(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").partition("\n")[0]


def _default(info: FieldInfo, value: Any, say: Say) -> str:
    if info.is_required():
        return say("required")
    if value in (None, [], {}):
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"`{value:g}`"
    return f"`{', '.join(map(str, value)) if isinstance(value, list) else value}`"


def _accepted(info: FieldInfo, say: Say) -> list[str]:
    """Return what a key accepts: its choices, or what its parsers read, and its bounds."""
    choices, kinds, bounds = [], [], []
    for mark in _marks([info.annotation, *info.metadata]):
        match mark:
            case BeforeValidator(func=parser) if (name := getattr(parser, "__name__", "")) in ACCEPTED:
                kinds.append(ACCEPTED[name])
            case str() | int():
                choices.append(f"`{mark}`")
            case Ge(ge=bound):
                bounds.append(f"≥ {bound}")
            case Gt(gt=bound):
                bounds.append(f"> {bound}")
            case Le(le=bound):
                bounds.append(f"≤ {bound}")
    if choices:  # they are whole numbers anyway
        kinds = [kind for kind in kinds if kind != ACCEPTED["parse_whole_number"]]
    return [*choices, *map(say, kinds), *bounds]


def _marks(marks: Iterable[object]) -> Iterator[object]:
    """Yield everything that an annotation is made of."""
    for mark in marks:
        yield mark
        yield from _marks(mark.metadata if isinstance(mark, FieldInfo) else get_args(mark))
        if mark is bool:
            yield from ("true", "false")


def metrics(say: Say) -> Iterator[str]:
    """Yield the reference of all metrics, and of their labels' values."""
    status = families.status_families(())
    tables: dict[str, Iterable[Family[Any] | OwnFamily]] = {
        "A task: what it is and how it is polled": (family for family in status if family.lasting),
        "A task: its limits": (family for family in status if not family.lasting),
        "A task: what the platform reports": families.STATS_FAMILIES,
        "A task: what was seen to happen": families.COUNTER_FAMILIES,
        "A task: within a window": families.WINDOW_FAMILIES,
        "An account": ACCOUNT_FAMILIES.values(),
        "The exporter": EXPORTER_FAMILIES.values(),
    }
    for heading, rows in tables.items():
        yield f"### {say(heading)}\n"
        yield from _table(
            [say(head) for head in ("Metric", "Type", "Labels", "Meaning")],
            (
                (f"`{row.name}`", say(row.type), " ".join(f"`{label}`" for label in row.labels), _cell(say(row.help)))
                for row in rows
            ),
        )
    yield from _values(say)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _values(say: Say) -> Iterator[str]:
    """Yield what the labels' values can be."""
    yield f"### {say('Labels and their values')}\n"
    values = {
        "state": [state.value for state in TaskState],
        "outcome": OUTCOMES,
        "rounds": ROUNDS,
        "reason": REASONS,
    }
    yield from _table(
        [say(head) for head in ("Label", "Meaning", "Values")],
        (
            (f"`{name}`", say(text), " ".join(f"`{each}`" for each in values.get(name, ())))
            for name, text in LABELS.items()
        ),
    )
    yield f"### {say('Values of `status`')}\n"
    yield from _table(
        [say(head) for head in ("Value", "Code", "On the platform")],
        ((f"`{status}`", str(code), STATUS_TEXTS[code]) for code, status in enumerate(STATUSES)),
    )
    refusals = "Values of `reason` on `yunfu_exporter_http_refusals_total`"
    for heading, meanings in (("Values of `endpoint`", ENDPOINTS), (refusals, REFUSALS)):
        yield f"### {say(heading)}\n"
        rows = ((f"`{name}`", say(text)) for name, text in meanings.items())
        yield from _table([say("Value"), say("Meaning")], rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


if __name__ == "__main__":
    sys.exit(write_or_check("python -m docs.build", __doc__, files(), "make docs"))
