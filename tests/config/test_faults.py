from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from exporter.config.faults import Key, SettingsError, format_fault, guess, keys, path_of


def even(value: int) -> int:
    """Refuse an odd number, in words of the validator's own."""
    if value % 2:
        raise ValueError(f"{value} is odd; expected an even number")
    return value


class Part(BaseModel):
    """A model with one of each fault that pydantic finds."""

    model_config = ConfigDict(strict=True, extra="forbid")

    name: str = Field(description="a name")
    size: int = Field(default=2, ge=1, le=10)
    share: float = Field(default=0.5, gt=0)
    pair: Annotated[int, AfterValidator(even)] = 2
    mode: Literal["fast", "slow"] = "fast"
    is_on: bool = Field(default=True, alias="on")


class Whole(BaseModel):
    """A model whose parts are in a list and in a section."""

    model_config = ConfigDict(extra="forbid")

    parts: tuple[Part, ...] = ()
    main: Part | None = None


def explained(given: object, names: dict[Key, str] | None = None) -> list[str]:
    """Return the faults of a value in plain words."""
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate(given)
    return [format_fault(Whole, detail, names) for detail in caught.value.errors()]


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ({}, "name: missing; expected a name"),
        ({"name": "a", "size": 0}, "size: '0' is out of range; expected at least 1"),
        ({"name": "a", "size": 11}, "size: '11' is out of range; expected at most 10"),
        ({"name": "a", "share": 0.0}, "share: '0.0' is out of range; expected above 0"),
        ({"name": "a", "pair": 3}, "pair: 3 is odd; expected an even number"),
        ({"name": "a", "mode": "quick"}, "mode: 'quick' is not known; expected 'fast' or 'slow'"),
        ({"name": "a", "on": 1}, "on: is a number; expected true or false"),
        ({"name": "a", "nme": "b"}, "nme: unknown key; did you mean 'main.name'?"),
        ({"name": "a", "zzz": "b"}, "zzz: unknown key; expected one of name, size, share, pair, mode, on"),
    ],
)
def test_a_fault_says_where_what_and_what_is_accepted(part: dict[str, object], fault: str) -> None:
    """Each kind of fault has its sentence, which begins with the path of the key in the file."""
    assert explained({"main": part}) == [f"main.{fault}"]


def test_what_has_another_shape_is_described_by_its_kind() -> None:
    """Where a list or a mapping belongs, the fault says what stands there instead."""
    assert explained({"parts": 5, "main": []}) == [
        "parts: is a number; expected a list",
        "main: is a list; expected a mapping",
    ]


def test_items_are_numbered_and_misspelt_keys_are_guessed_from_their_own_section() -> None:
    """A key of a list item has the item's index, and what may have been meant is a key of such an item."""
    part = {"name": "a"}
    assert explained({"parts": [part, {**part, "siz": 3}]}) == [
        "parts[1].siz: unknown key; did you mean 'parts[1].size'?"
    ]


def test_a_key_without_its_section_is_guessed_too() -> None:
    """At the top, where sections are easily forgotten, a key of any section is a guess."""
    assert explained({"size": 1}) == ["size: unknown key; did you mean 'main.size'?"]


def test_a_value_is_called_by_the_flag_or_variable_that_gave_it() -> None:
    """The user finds the fault where it was written; an item of a comma-separated list needs no number."""
    names: dict[Key, str] = {("main", "size"): "--main.size", ("parts",): "PARTS"}
    given = {"main": {"name": "a", "size": 0}, "parts": [5]}
    assert explained(given, names) == [
        "PARTS: is a number; expected a mapping",
        "--main.size: '0' is out of range; expected at least 1",
    ]


def test_keys_are_those_of_sections_and_list_items_too() -> None:
    """Each key stands with its path of aliases, a section before its own keys."""
    paths = [".".join(path) for path, _ in keys(Whole)]
    parts = ["name", "size", "share", "pair", "mode", "on"]
    assert paths[:2] == ["parts", "parts.name"]
    assert set(paths) == {"parts", "main", *(f"{section}.{key}" for section in ("parts", "main") for key in parts)}


@pytest.mark.parametrize(
    ("key", "path"),
    [
        (("accounts", 0, "name"), "accounts[0].name"),
        (("a key",), "'a key'"),
        (("labels", "a\nb"), "labels.'a\\nb'"),
    ],
)
def test_a_path_is_written_as_in_the_file(key: Key, path: str) -> None:
    """A key that is no plain word is quoted, and breaks no line."""
    assert path_of(key) == path


def test_a_key_that_looks_like_a_token_is_not_repeated() -> None:
    """A token that was put in the place of a key stays out of the fault."""
    begin = "eyJhbGciOiJSUzI1NiJ9"  # of a JWT, as plain a word as any
    for token in (begin, f"{begin}.eyJzdWIiOiIxIn0.c2ln"):
        assert path_of(("accounts", token)) == "accounts.something like a token"


def test_words_that_resemble_nothing_get_the_whole_list() -> None:
    """A guess is made when a word is near, else the known words are listed."""
    assert guess("chek", {"check": "check"}) == "did you mean 'check'?"
    assert guess("x", {"check": "check"}) == "expected one of those that --help lists"


def test_each_fault_is_one_printable_line() -> None:
    """Whatever names a fault repeats, the error has one line for each, and steers no terminal."""
    error = SettingsError(["a\nb: wrong", "\x1b[31mred"])
    assert len(error.faults) == 2
    assert str(error) == "\n".join(error.faults)
    assert str(error).count("\n") == 1
    assert "\x1b" not in str(error)
