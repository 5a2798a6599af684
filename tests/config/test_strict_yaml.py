"""Strict YAML: what is read, what is refused, and that no message quotes a value."""

from __future__ import annotations

import re

import pytest

from exporter.config.strict_yaml import parse_yaml

QUOTES = 'expected YAML, with quotes around texts like "[::]:10042"'


def test_reads_yaml_and_json() -> None:
    """Mappings, lists, numbers and anchors are read, no document is null."""
    text = "base: &b {x: 1, y: 2}\nmore: {<<: *b, y: 3}\nlist: [null, true, 1.5]"
    assert parse_yaml(text) == {
        "base": {"x": 1, "y": 2},
        "more": {"x": 1, "y": 3},
        "list": [None, True, 1.5],
    }
    assert parse_yaml('{"a": ["\\u4e00"]}') == {"a": ["一"]}
    assert parse_yaml("# nothing\n") is None


@pytest.mark.parametrize("text", ["2024-01-01", "1:30", "1:30.5", "010", "0x10", "0b1", "1_000", ".inf", ".nan", "1e"])
def test_what_only_yaml_takes_for_a_number_or_a_date_stays_text(text: str) -> None:
    """No one who writes 1:30 means 90; whoever reads the value says what is accepted."""
    assert parse_yaml(text) == text


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("-12", -12), ("1.50", 1.5), ("-0.5", -0.5), ("1e3", 1000.0), ("2.5E-1", 0.25)]
)
def test_numbers_are_those_of_json(text: str, number: float) -> None:
    """Whole numbers stay whole."""
    read = parse_yaml(text)
    assert (read, type(read)) == (number, type(number))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2", "line 4, column 3: the key 'c' is given twice; expected each once"),
        ("a: 1\non: 2", "line 2, column 1: this key is not text; expected text, in quotes if need be"),
        ("? [a]\n: 1", "line 1, column 3: this key is not text; expected text, in quotes if need be"),
        ("a: [1", f"line 1, column 6: expected ',' or ']', but got '<stream end>'; {QUOTES}"),
        ("listen: [::]:10042", f"line 1, column 10: expected the node content, but found ':'; {QUOTES}"),
        ("a: secret: b", f"line 1, column 10: mapping values are not allowed here; {QUOTES}"),
        ("a: *secret", f"line 1, column 4: found undefined alias; {QUOTES}"),
        ("a: !secret b", f"line 1, column 4: could not determine a constructor for the tag; {QUOTES}"),
        ("a: !sec'ret b", f"line 1, column 4: could not determine a constructor for the tag; {QUOTES}"),
        ("a: !!int secret", "this cannot be read; expected YAML"),
        ("a: \x00secret", "this cannot be read; expected YAML"),
        ("[" * 5000, "this cannot be read; expected YAML"),
    ],
)
def test_refuses(text: str, fault: str) -> None:
    """What cannot be read is refused with its line and column, without the value that may be secret."""
    with pytest.raises(ValueError, match=rf"^{re.escape(fault)}$"):
        parse_yaml(text)
