"""Texts of the overview."""

import pytest

from exporter.words.overview import VERDICT


@pytest.mark.parametrize("which", ["low", "no_low"])
@pytest.mark.parametrize("kind", ["running", "active"])
def test_every_verdict_on_answer_rates_has_its_words(which: str, kind: str) -> None:
    """Of running tasks, or of active ones; with some under their threshold, or none."""
    assert "{of}" in VERDICT[f"rest.{which}_{kind}"].en
