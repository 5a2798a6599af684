"""The Markdown of the repository as the tests of the documentation see it: headings, links, tables and code blocks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.support.tools import ROOT

CHINESE = ".zh-CN.md"

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`[^`\n]+`")
_NOT_IN_A_SLUG = re.compile(r"[^\w\- ]")
_ROW = re.compile(r"^ *\|.*\|$", re.MULTILINE)
_MARK = re.compile(r"<!-- not run: (.+) -->\s*$")


@dataclass(frozen=True, slots=True)
class Block:
    """A code block: ``line`` is where it begins, ``not_run`` the reason in the comment before it, if there is one."""

    path: Path
    line: int
    language: str
    text: str
    not_run: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"

    @property
    def code(self) -> str:
        """The text without comments, which are in the language of the file."""
        lines = (re.sub(r"(^|\s+)# .*$", "", line).rstrip() for line in self.text.splitlines())
        return "\n".join(line for line in lines if line)


@dataclass(frozen=True)
class Document:
    """A Markdown file."""

    path: Path

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    @cached_property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def prose(self) -> str:
        """What is not in code blocks."""
        return _FENCE.sub("", self.text)

    @property
    def headings(self) -> list[tuple[int, str]]:
        """The level and the text of each heading."""
        return [(len(marks), text) for marks, text in _HEADING.findall(self.prose)]

    @cached_property
    def anchors(self) -> set[str]:
        """The anchors that GitHub gives to the headings."""
        seen: Counter[str] = Counter()
        anchors = set()
        for _, heading in self.headings:
            slug = _NOT_IN_A_SLUG.sub("", _LINK.sub("", heading).strip().lower()).replace(" ", "-")
            anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
        return anchors

    @property
    def links(self) -> list[str]:
        """Where links and pictures lead to."""
        return _LINK.findall(_CODE.sub("", self.prose))

    @property
    def blocks(self) -> Iterator[Block]:
        """The code blocks, their indentation within a list taken off."""
        for match in _FENCE.finditer(self.text):
            text = re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE)
            mark = _MARK.search(self.text[: match.start()])
            line = self.text.count("\n", 0, match.start()) + 1
            yield Block(self.path, line, match["language"], text, mark[1] if mark else "")

    @property
    def rows(self) -> list[int]:
        """The number of columns of each line of a table."""
        return [row.replace("\\|", "").count("|") - 1 for row in _ROW.findall(self.prose)]


def documents() -> list[Document]:
    """Return the repository's Markdown files."""
    paths = (path for path in ROOT.rglob("*.md") if not _is_foreign(path.relative_to(ROOT)))
    return [Document(path) for path in sorted(paths)]


def _is_foreign(path: Path) -> bool:
    return any(part.startswith(".") or part in {"build", "dist", "node_modules"} for part in path.parts[:-1])
