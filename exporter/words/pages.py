"""The table of the pages' texts, by key.

In a text ``{n}`` is filled in; a whole number is written with separators, and ``{n:task|tasks}`` chooses by it.
"""

from typing import Final

from exporter.words.detail import ABSENCE, DETAIL, MISSING
from exporter.words.failures import CLAUSES, FAILURES
from exporter.words.frame import FRAME
from exporter.words.overview import ACCOUNTS, CAUSES, EXPORTER, VERDICT
from exporter.words.tasks import TASKS
from exporter.words.text import Text

WORDS: Final[dict[str, Text]] = {
    **FRAME,
    **VERDICT,
    **CAUSES,
    **EXPORTER,
    **ACCOUNTS,
    **TASKS,
    **FAILURES,
    **CLAUSES,
    **DETAIL,
    **ABSENCE,
    **MISSING,
}
