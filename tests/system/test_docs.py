"""The documentation says what the code does, leads nowhere wrong, and says the same in both languages."""

from __future__ import annotations

import re

import pytest

from docs import build, words
from exporter.metrics.families import STATS_FAMILIES, WINDOW_FAMILIES
from exporter.web.server import HEADERS
from exporter.words.labels import ENDPOINTS
from exporter.words.text import Text
from tests.support.markdown import CHINESE, Document, documents
from tests.support.tools import ROOT

DOCUMENTS = documents()
CHINESE_ONES = [document for document in DOCUMENTS if document.path.name.endswith(CHINESE)]
ENGLISH_ONLY = {
    "CHANGELOG.md": "one list for all, added to with each change",
    "CONTRIBUTING.md": "for contributors",
    "docs/dependencies.md": "for contributors",
    "docs/performance.md": "for contributors",
    "docs/releasing.md": "for contributors",
}
"""Documents with no Chinese twin beside those in docs/decisions, and why."""

A_DOCUMENT = pytest.mark.parametrize("document", DOCUMENTS, ids=str)


def test_references_are_what_the_code_says() -> None:
    """The generated part of each reference is up to date; ``make docs`` writes it anew."""
    for path, content in build.files():
        assert path.read_text(encoding="utf-8") == content, f"{path.name} differs from the code; run: make docs"


def test_no_translation_is_left_over() -> None:
    """Every text that is translated is still said by the code."""
    said: set[str | Text] = set()

    def say(text: str | Text) -> str:
        said.add(text)
        return build.in_english(text)

    for write in (build.configuration, build.metrics):
        list(write(say))
    assert set(words.CHINESE) == {text for text in said if not isinstance(text, Text)}


def test_a_text_without_translation_is_named() -> None:
    """The message for a text without its Chinese says where that belongs."""
    with pytest.raises(LookupError, match=r"docs/words\.py has no Chinese for: A new help text\."):
        build.in_chinese("A new help text.")


def test_every_label_and_endpoint_is_explained() -> None:
    """The reference has each label of a task's metrics and of the failures, and each endpoint that the exporter calls."""
    labels = {label for families in (STATS_FAMILIES, WINDOW_FAMILIES) for family in families for label in family.labels}
    assert labels | {"account", "task", "reason", "field", "state", "outcome"} <= set(words.LABELS)
    assert set(words.ENDPOINTS) == set(ENDPOINTS)


@pytest.mark.parametrize("suffix", ["", ".zh-CN"])
def test_the_headers_shown_are_those_sent(suffix: str) -> None:
    """The page on security shows just what the main port puts before every answer."""
    page = Document(ROOT / "docs" / f"security{suffix}.md")
    shown = next(block.text for block in page.blocks if block.text.startswith("Content-Security-Policy"))
    assert dict(line.split(": ", 1) for line in shown.splitlines()) == HEADERS


@A_DOCUMENT
def test_links_lead_somewhere(document: Document) -> None:
    """A relative link leads to a file of the repository, and its anchor to a heading there."""
    for link in document.links:
        if re.match(r"https?://", link):
            continue
        name, _, anchor = link.partition("#")
        target = (document.path.parent / name).resolve() if name else document.path
        assert target.exists(), f"{document}: {link} leads to nothing"
        assert target.is_relative_to(ROOT), f"{document}: {link} leads out of the repository"
        if anchor:
            assert anchor in Document(target).anchors, f"{document}: {link} leads to no heading"


@A_DOCUMENT
def test_no_document_names_a_place_of_its_author(document: Document) -> None:
    """No path of somebody's machine and no package registry's host is in any document."""
    assert not re.search(
        r"/(home|Users|work|tmp/wt)/|pypi\.org|files\.pythonhosted|registry\.npmjs|mirrors?\.", document.text
    )


def test_documents_for_users_are_in_both_languages() -> None:
    """Each document has a Chinese twin, but for those that only contributors read."""
    english = {str(each) for each in DOCUMENTS} - {str(each) for each in CHINESE_ONES}
    alone = {name for name in english if not (ROOT / name.replace(".md", CHINESE)).exists()}
    assert {name for name in alone if not name.startswith("docs/decisions/")} == set(ENGLISH_ONLY)
    assert all((ROOT / str(each).replace(CHINESE, ".md")).exists() for each in CHINESE_ONES)


@pytest.mark.parametrize("chinese", CHINESE_ONES, ids=str)
def test_both_languages_have_the_same_shape(chinese: Document) -> None:
    """Headings, tables and code are the same in both languages; comments in code may be translated."""
    english = Document(ROOT / str(chinese).replace(CHINESE, ".md"))
    assert [level for level, _ in chinese.headings] == [level for level, _ in english.headings]
    assert chinese.rows == english.rows
    blocks = list(zip(chinese.blocks, english.blocks, strict=True))
    for ours, theirs in blocks:
        assert (ours.language, ours.code) == (theirs.language, theirs.code), f"{ours} and {theirs} differ"


@pytest.mark.parametrize("chinese", CHINESE_ONES, ids=str)
def test_each_language_leads_on_in_its_own(chinese: Document) -> None:
    """A Chinese document leads to the Chinese twin of what it names, but for the link to its own English twin."""
    for link in chinese.links:
        name, _, _ = link.partition("#")
        if name.endswith(".md") and not re.match(r"https?://", name):
            twin = (chinese.path.parent / name).resolve()
            is_own = twin.name == chinese.path.name.replace(CHINESE, ".md")
            has_chinese = twin.with_name(twin.name.replace(".md", CHINESE)).exists()
            assert is_own or name.endswith(CHINESE) or not has_chinese, f"{chinese}: {link} has a Chinese twin"


def test_every_decision_and_document_is_listed() -> None:
    """The index of decisions has all of them, and each README leads to each document for users of its language."""
    decisions = Document(ROOT / "docs" / "decisions" / "README.md")
    assert set(decisions.links) == {path.name for path in decisions.path.parent.glob("0*.md")}
    for readme, suffix in (("README.md", ""), ("README.zh-CN.md", ".zh-CN")):
        links = set(Document(ROOT / readme).links)
        for path in (ROOT / "docs").glob("*.zh-CN.md"):
            name = f"docs/{path.name.replace('.zh-CN', suffix)}"
            assert name in links, f"{readme} does not lead to {name}"
