"""Probes: polls of single tasks that somebody asks for."""

from __future__ import annotations


class TooManyProbesError(Exception):
    """As many probes of the account are under way as it can answer in time; the message says so."""
