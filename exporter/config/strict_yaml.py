"""YAML without surprises: a key given twice is an error, keys are text, dates stay text. Never quotes values.

A number is one as JSON writes it: YAML 1.1 would also take 1:30 for 90 and 010 for 8.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import yaml

from exporter.config.values import describe, show
from exporter.files.reading import read_file
from exporter.patterns import TOKEN_SIGN

# What PyYAML's messages quote of the file, which may be a secret; '<block end>' is PyYAML's.
_QUOTED: Final = re.compile(r"""\s'(?!<)[^']{2,}'|\s"[^"]{2,}\"""")
_NUMBERS: Final = {
    "tag:yaml.org,2002:int": re.compile(r"-?(0|[1-9][0-9]*)$"),
    "tag:yaml.org,2002:float": re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)$"),
}


def read_yaml(name: str, like: str) -> dict[str, Any]:
    """Read a file that holds one mapping, ``like`` an example; an empty file is an empty one.

    Raises ValueError with a line that names the file, without any value of it.
    """
    try:
        values = parse_yaml(read_file(Path(name)).decode("utf-8-sig"))
    except OSError as error:
        shown = show(name) if TOKEN_SIGN in name else name
        raise ValueError(f"{shown}: {str(error.strerror).lower()}; expected a YAML file") from None
    except UnicodeDecodeError:
        raise ValueError(f"{name}: is not UTF-8; expected a YAML file in UTF-8") from None
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    if not isinstance(values, dict | None):
        raise ValueError(f"{name}: is {describe(values)}; expected a mapping, like {like}")  # noqa: TRY004 - it is a fault of the file
    return values or {}


def parse_yaml(text: str) -> Any:
    """Read one YAML document (JSON is YAML too). Raises ValueError with the line and column, without any value."""
    try:
        return _StrictLoader(text).get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problem = error.problem or "this cannot be read"
        if not isinstance(error, _RefusedError):
            problem = _QUOTED.sub("", problem) + '; expected YAML, with quotes around texts like "[::]:10042"'
        raise ValueError(f"{where}{problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError):  # control characters, !!int "x", nested too deeply
        raise ValueError("this cannot be read; expected YAML") from None


class _RefusedError(yaml.MarkedYAMLError):
    """It is YAML, but not fit for a configuration."""


class _StrictLoader(yaml.SafeLoader):
    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own attribute, never written
        first: [(tag, _NUMBERS.get(tag, pattern)) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            fault = ""
            if not key.tag.endswith((":str", ":merge")):
                fault = "this key is not text; expected text, in quotes if need be"
            elif key.value in seen:
                secret = len(key.value) > 40 or TOKEN_SIGN in key.value  # it can be a token in the wrong place
                fault = f"{'this key' if secret else f'the key {key.value!r}'} is given twice; expected each once"
            if fault:
                raise _RefusedError(problem=fault, problem_mark=key.start_mark)
            seen.add(key.value)
        return node
