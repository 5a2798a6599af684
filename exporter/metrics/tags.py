"""A bound on the tags of a task: the largest stay by name, the rest add up. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OTHER: Final = "_other"
"""The label value under which the tags beyond the limit add up."""

_LEAD: Final = 1.1


def limit_tags(counts: Mapping[str, int], limit: int, kept: frozenset[str]) -> tuple[Mapping[str, int], frozenset[str]]:
    """Return at most ``limit`` tags and OTHER, and which tags have a place.

    ``kept`` are those that had one at the poll before. They keep it until another tag leads by a tenth, so that two
    tags of about the same size do not take turns: a series that comes and goes is worse than the second largest.
    """
    if len(counts) <= limit:
        return counts, frozenset()
    worth = {tag: count * (_LEAD if tag in kept else 1.0) for tag, count in counts.items() if tag != OTHER}
    best = frozenset(sorted(worth, key=lambda tag: (-worth[tag], tag))[:limit])
    limited = {tag: count for tag, count in counts.items() if tag in best}
    limited[OTHER] = sum(counts.values()) - sum(limited.values())
    return limited, best
