"""The commands on the built-in simulator: the simulator alone, and the exporter running on it."""

from __future__ import annotations


def demo(words: list[str]) -> int:
    raise NotImplementedError


def simulate(words: list[str]) -> int:
    raise NotImplementedError
