"""The language of the terminal, for commands that talk to a person."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

from exporter.words.text import Text

_VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")


def terminal_language(environment: Mapping[str, str]) -> str:
    """Return the language of a process's environment: ``zh`` where its locale is Chinese, else ``en``.

    The first variable that is not empty decides (POSIX.1-2017, 8.2 Internationalization Variables).
    """
    locale = next((value for name in _VARIABLES if (value := environment.get(name))), "")
    return "zh" if re.match(r"zh(?![a-z])", locale) else "en"


def say(text: Text, **values: object) -> str:
    """Return a text in the language of this process's terminal, with values filled in as by ``str.format``."""
    return text.say(terminal_language(os.environ)).format(**values)
