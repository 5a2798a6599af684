"""The question of a reader of the overview: read from the query, and written back into links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlencode

from exporter.api.model import TaskState

MAX_TEXT: Final = 200
"""Characters of a text that is looked for; no name is longer."""


class Show(StrEnum):
    """Which tasks are shown."""

    ALL = "all"
    LOOK = "look"
    UNPOLLED = "unpolled"


class Sort(StrEnum):
    """What tasks are sorted by."""

    WORST = "worst"
    NAME = "name"
    STATE = "state"
    PROGRESS = "progress"
    ANSWER = "answer"
    NUMBERS = "numbers"
    AGE = "age"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. A value that cannot be read counts as not given: a link that is old still leads somewhere."""

    text: str = ""
    account: str = ""
    state: str = ""
    cause: str = ""
    show: Show = Show.ALL
    sort: Sort = Sort.WORST
    descending: bool = False
    page: int = 1

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Question:
        """Read the query parameters."""
        sort, page = query.get("sort", ""), query.get("page", "")
        state, show = query.get("state", ""), query.get("show", "")
        name = sort.removeprefix("-")
        return cls(
            text=query.get("q", "").strip()[:MAX_TEXT],
            account=query.get("account", "")[:MAX_TEXT],
            state=state if state in set(TaskState) else "",
            cause=query.get("cause", "")[:MAX_TEXT],
            show=Show(show) if show in set(Show) else Show.ALL,
            sort=Sort(name) if name in set(Sort) else Sort.WORST,
            descending=sort.startswith("-") and name in set(Sort),
            page=max(1, int(page)) if page.isascii() and page.isdecimal() and len(page) < 10 else 1,
        )

    @property
    def order(self) -> str:
        """The order as the query has it; empty for the default."""
        if self.sort is Sort.WORST and not self.descending:
            return ""
        return f"{'-' if self.descending else ''}{self.sort}"

    @property
    def is_filtering(self) -> bool:
        """Whether anything is left out."""
        return bool(self.text or self.account or self.state or self.cause or self.show is not Show.ALL)

    @property
    def is_folding(self) -> bool:
        """Whether tasks that share a cause are one line: neither one task nor one cause is looked for, nor another order."""
        return self.sort is Sort.WORST and not (self.descending or self.text or self.cause)

    def link(self, **changes: Any) -> str:
        """Return the link to what is asked, with changes; what is the default is left out."""
        asked = replace(self, **changes)
        words = {
            "q": asked.text,
            "account": asked.account,
            "state": asked.state,
            "cause": asked.cause,
            "show": "" if asked.show is Show.ALL else asked.show.value,
            "sort": asked.order,
            "page": "" if asked.page == 1 else str(asked.page),
        }
        query = urlencode({name: word for name, word in words.items() if word})
        return f"./?{query}" if query else "./"

    def sorted_by(self, sort: Sort) -> str:
        """Return the link to the same sorted by a column, the other way round if it is already."""
        return self.link(sort=sort, descending=self.sort is sort and not self.descending, page=1)
