"""The table of the pages' texts, by key.

In a text ``{n}`` is filled in; a whole number is written with separators, and ``{n:task|tasks}`` chooses by it.
"""

from typing import Final

from exporter.words.detail import ABSENCE, DETAIL, MISSING
from exporter.words.failures import FAILURES
from exporter.words.frame import FRAME
from exporter.words.overview import ACCOUNTS, VERDICT
from exporter.words.tasks import TASKS
from exporter.words.text import Text

WORDS: Final[dict[str, Text]] = {
    **FRAME,
    **VERDICT,
    **ACCOUNTS,
    **TASKS,
    **FAILURES,
    **DETAIL,
    **ABSENCE,
    **MISSING,
}
