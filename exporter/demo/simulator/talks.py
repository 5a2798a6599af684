"""Outcomes of answered calls: grades, rounds of conversation and tags, which belong together. Pure and repeatable.

Calls are drawn together: random bytes, which a table of 256 entries turns into outcomes. A campaign so lives through a
day in about a quarter of the time that a draw of each outcome's number takes; shares are good to half a percent.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import accumulate, combinations, pairwise
from typing import Final

ROUNDS: Final = ("1", "2~5", "6~10", "11~20", ">20")
TAGS: Final = (  # by grade A to E: what a language model says of such calls
    ("感兴趣", "有时间", "代理商大会"),
    ("感兴趣", "有时间", "稍后联系"),
    ("无意向", "拒加微", "敷衍"),
    ("在忙", "稍后联系"),
    ("敷衍", "礼貌"),
)
TAG_NAMES: Final = tuple(dict.fromkeys(tag for tags in TAGS for tag in tags))
TAGGED_SHARE: Final = 0.4

GRADE_CELLS: Final = slice(0, len(TAGS))
ROUND_CELLS: Final = slice(GRADE_CELLS.stop, GRADE_CELLS.stop + len(ROUNDS))
TAG_CELLS: Final = slice(ROUND_CELLS.stop, ROUND_CELLS.stop + len(TAG_NAMES))
TALK_CELLS: Final = TAG_CELLS.stop
"""The length of the row of cells in which talks are counted."""


def make_table(weights: Iterable[float]) -> bytes:
    """Return 256 bytes in which each index stands as often as its weight says: what a random byte is translated by."""
    edges = [0.0, *accumulate(weights)]
    places = [round(256 * edge / edges[-1]) for edge in edges]
    return b"".join(bytes([index]) * (end - begin) for index, (begin, end) in enumerate(pairwise(places)))


def _choices(tags: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """Return, by random byte, the cells of the tags that a talk gets: each of its grade's with the same chance."""
    cells = [TAG_CELLS.start + TAG_NAMES.index(tag) for tag in tags]
    chosen = [choice for size in range(len(cells) + 1) for choice in combinations(cells, size)]
    table = make_table(TAGGED_SHARE ** len(some) * (1 - TAGGED_SHARE) ** (len(cells) - len(some)) for some in chosen)
    return tuple(chosen[index] for index in table)


_CHOICES: Final = tuple(_choices(tags) for tags in TAGS)


class Script:
    """What is said on the phone, of some ``quality`` from 0 to 1: a good script wins people and holds them."""

    def __init__(self, quality: float) -> None:
        self._grades = make_table(
            (0.05 + 0.15 * quality, 0.1 + 0.1 * quality, 0.35 - 0.15 * quality, 0.2, 0.3 - 0.1 * quality)
        )
        self._warm = make_table((0.15, 0.35, 0.3, 0.15, 0.05))
        self._cold = make_table(
            (0.65 - 0.2 * quality, 0.27, 0.06 + 0.1 * quality, 0.015 + 0.06 * quality, 0.005 + 0.04 * quality)
        )

    def count_talks(self, rng: random.Random, talks: int, cells: list[int], at: int) -> None:
        """Count the results of ``talks`` into the cells from ``at`` on; those graded A and B last longer."""
        grades = rng.randbytes(talks).translate(self._grades)
        for grade, byte in zip(grades, rng.randbytes(talks), strict=True):
            cells[at + grade] += 1
            for cell in _CHOICES[grade][byte]:
                cells[at + cell] += 1
        warm = grades.count(0) + grades.count(1)
        lengths = rng.randbytes(warm).translate(self._warm) + rng.randbytes(talks - warm).translate(self._cold)
        for index in range(len(ROUNDS)):
            cells[at + ROUND_CELLS.start + index] += lengths.count(index)
