"""A text in English and Chinese."""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    """A text in both languages."""

    en: str
    zh: str

    def say(self, language: str) -> str:
        """Return the text in a language: ``en`` or ``zh``."""
        return self.zh if language == "zh" else self.en
