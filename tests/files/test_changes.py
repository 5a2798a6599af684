"""Files that are watched: what counts as a change."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.files.changes import Watched, stamp


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a file."""
    path = tmp_path / "token"
    path.write_text("one")
    return path


def test_a_file_that_stays_has_not_changed(file: Path) -> None:
    """Nothing is noticed while nothing happens, whether the file is there or not, nor where no file is watched."""
    for watched in (Watched(file), Watched(file.with_name("none")), Watched()):
        assert not watched.has_changed()
        assert not watched.has_changed()


def test_each_change_is_noticed_once(file: Path) -> None:
    """A file that is written, replaced, taken away or put back has changed, and at the next look no more."""
    watched = Watched(file)

    def replace() -> None:
        new = file.with_name("new")
        new.write_text("four")
        new.replace(file)

    for change in (lambda: file.write_text("three"), replace, file.unlink, lambda: file.write_text("one")):
        change()
        assert watched.has_changed()
        assert not watched.has_changed()


def test_a_mounted_secret_changes_with_the_folder_that_its_link_leads_to(tmp_path: Path) -> None:
    """Kubernetes puts a new folder in the place of a link; the files' own links stay as they are."""
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "token").write_text("same")
    data, token = tmp_path / "..data", tmp_path / "token"
    data.symlink_to("1")
    token.symlink_to("..data/token")
    watched = Watched(token)
    (tmp_path / "..new").symlink_to("2")
    (tmp_path / "..new").replace(data)
    assert watched.has_changed()


def test_files_have_a_stamp_together(file: Path, tmp_path: Path) -> None:
    """The stamp of several files differs when any of them does, one that cannot be read included."""
    other = tmp_path / "other"
    before = stamp(file, other)
    assert stamp(file, other) == before
    other.write_text("")
    assert stamp(file, other) != before
