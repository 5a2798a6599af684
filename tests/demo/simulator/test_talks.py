from __future__ import annotations

import random

import pytest

from exporter.demo.simulator.talks import Script, make_table


def test_those_who_are_interested_talk_longer() -> None:
    """Of calls that are nearly all graded A or B more last over five rounds than of those hardly any of which are."""
    cells = {quality: [0] * 30 for quality in (0.0, 1.0)}
    for quality, row in cells.items():
        Script(quality).count_talks(random.Random(1), 10_000, row, 0)
    (poor, good) = ((row[0] + row[1], sum(row[7:10])) for row in cells.values())
    assert good[0] > poor[0] * 2
    assert good[1] > poor[1] * 2


WEIGHTS: list[tuple[list[float], list[int]]] = [
    ([1.0], [256]),
    ([0.0, 3.0], [0, 256]),
    ([1.0, 1.0], [128, 128]),
    ([5.0, 0.0, 5.0, 10.0], [64, 0, 64, 128]),
    ([0.3] * 3, [85, 86, 85]),
    ([0.001, 0.999], [0, 256]),
]


@pytest.mark.parametrize(("weights", "places"), WEIGHTS)
def test_a_table_gives_each_outcome_its_share(weights: list[float], places: list[int]) -> None:
    """The 256 places are shared out by weight, and an outcome of weight 0 gets none."""
    table = make_table(weights)
    assert [table.count(index) for index in range(len(weights))] == places
    assert len(table) == 256
