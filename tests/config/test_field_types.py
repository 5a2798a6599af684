"""The types of the settings' fields: what several settings take alike."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from exporter.config.field_types import Duration, Ordinal, Ratio, distinct, not_empty
from exporter.config.settings import DiscoverySettings, WebSettings


@pytest.mark.parametrize(("written", "meant"), [(True, True), ("true", True), ("false", False)])
def test_every_boolean_may_be_written_as_text(written: object, *, meant: bool) -> None:
    """What one key takes for true or false, all others take too."""
    assert DiscoverySettings.model_validate({"sub_accounts": written}).sub_accounts is meant
    assert WebSettings.model_validate({"reload": written}).reload is meant


@pytest.mark.parametrize(("written", "meant"), [("auto", "auto"), ("0", 0), (3, 3)])
def test_an_ordinal_is_auto_or_a_number_from_0_on(written: object, meant: object) -> None:
    """What environment and flags give as text is taken too."""
    assert TypeAdapter(Ordinal).validate_python(written) == meant


@pytest.mark.parametrize("written", ["automatic", -1, 1.5, None])
def test_another_ordinal_is_refused(written: object) -> None:
    """The message says what is accepted."""
    with pytest.raises(ValidationError, match="expected auto or a whole number from 0 on"):
        TypeAdapter(Ordinal).validate_python(written)


def test_a_duration_is_more_than_nothing() -> None:
    """A duration is kept in seconds, and is written as a user writes it; one of no length is refused."""
    duration: TypeAdapter[float] = TypeAdapter(Duration)
    assert duration.validate_python("1m30s") == 90
    assert duration.dump_json(90.0) == b'"1m30s"'
    with pytest.raises(ValidationError):
        duration.validate_python("0s")


@pytest.mark.parametrize("written", [-0.1, 1.1, "20%"])
def test_a_ratio_is_between_0_and_1(written: object) -> None:
    """A percentage is no ratio."""
    with pytest.raises(ValidationError):
        TypeAdapter(Ratio).validate_python(written)


def test_lists_name_what_is_given_twice() -> None:
    """A list has at least one value, and where that is asked for each but once; what holds is returned as it is."""
    assert not_empty((1, 1)) == (1, 1)
    assert distinct((1, 2)) == (1, 2)
    with pytest.raises(ValueError, match="the value '1' is given twice; expected each once"):
        distinct((1, 2, 1))
    for check in (not_empty, distinct):
        with pytest.raises(ValueError, match="is empty; expected at least one"):
            check(())
