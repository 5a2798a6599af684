"""YAML without surprises: a key given twice is an error, keys are text, a date stays the text it is. Never quotes values."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

# What PyYAML's messages quote of the file, which may be a secret; '<block end>' is a word of its own.
_QUOTED: Final = re.compile(r"""\s'(?!<)[^']{2,}'|\s"[^"]{2,}\"""")


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
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
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
                secret = len(key.value) > 40 or "eyJ" in key.value  # it can be a token in the wrong place
                fault = f"{'this key' if secret else f'the key {key.value!r}'} is given twice; expected each once"
            if fault:
                raise _RefusedError(problem=fault, problem_mark=key.start_mark)
            seen.add(key.value)
        return node
