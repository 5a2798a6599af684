"""Types of the settings' fields: a parser each, and the bounds that all fields of the type share; and their sections' base."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    InstanceOf,
    PlainSerializer,
    SecretStr,
)

from exporter.config.values import (
    Address,
    WindowSettings,
    format_duration,
    format_rate,
    parse_address,
    parse_base_url,
    parse_boolean,
    parse_duration,
    parse_path,
    parse_pattern,
    parse_proxy,
    parse_rate,
    parse_ratio,
    parse_text,
    parse_token,
    parse_uuid,
    parse_whole_number,
    parse_window,
    positive_duration,
    show,
)
from exporter.patterns import BoundedPattern


def _parse_ordinal(value: object) -> object:
    if value == "auto":
        return value
    try:
        ordinal = parse_whole_number(value)
    except ValueError:
        ordinal = -1
    if ordinal < 0:
        raise ValueError(f"is {show(value)}; expected auto or a whole number from 0 on")
    return ordinal


_WRITTEN: Final = PlainSerializer(str, when_used="json")

Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    AfterValidator(positive_duration),
    PlainSerializer(format_duration, when_used="json"),
]
Ratio = Annotated[float, BeforeValidator(parse_ratio)]
Rate = Annotated[float, BeforeValidator(parse_rate), PlainSerializer(format_rate, when_used="json")]
WholeNumber = Annotated[int, BeforeValidator(parse_whole_number)]
Text = Annotated[str, BeforeValidator(parse_text)]
Boolean = Annotated[bool, BeforeValidator(parse_boolean)]
Uuid = Annotated[str, BeforeValidator(parse_uuid)]
BaseUrl = Annotated[str, BeforeValidator(parse_base_url)]
FilePath = Annotated[Path, BeforeValidator(parse_path)]
Pattern = Annotated[InstanceOf[BoundedPattern], BeforeValidator(parse_pattern), _WRITTEN]
ListenAddress = Annotated[Address, BeforeValidator(parse_address), _WRITTEN]
Window = Annotated[WindowSettings, BeforeValidator(parse_window), _WRITTEN]
Ordinal = Annotated[int | Literal["auto"], BeforeValidator(_parse_ordinal)]
Token = Annotated[SecretStr, BeforeValidator(parse_token)]
Proxy = Annotated[SecretStr, BeforeValidator(parse_proxy)]


class Section(BaseModel):
    """A section of the configuration: strict, frozen, and silent about what it was given."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True)


def refuse_doubles(values: Iterable[Hashable], what: str) -> None:
    """Raise ValueError if a value is given twice; ``what`` names it."""
    seen: set[Hashable] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{what} {show(str(value))} is given twice; expected each once")
        seen.add(value)


def not_empty(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return values of which there is at least one. Raises ValueError."""
    if not values:  # min_length would take faulty items for missing ones
        raise ValueError("is empty; expected at least one")
    return values


def distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return values of which there is at least one, and none twice. Raises ValueError."""
    refuse_doubles(values, "the value")
    return not_empty(values)
