"""The command assets as users type it: the first time, and over the files of an earlier version."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from exporter import __version__
from exporter.cli import run
from exporter.commands import assets
from exporter.files.shipped import shipped_names
from tests.support.tools import ROOT, need
from tests.support.tools import run as run_program

RULES, ALERTMANAGER = "prometheus/rules/campaigns.yaml", "prometheus/alertmanager/alertmanager.yml"


def files(directory: Path) -> dict[str, bytes]:
    """Return what is in a directory, but for the record."""
    found = {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if name != "SHA256SUMS"}


@pytest.fixture
def ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the directory whose files are shipped, in place of the real ones."""
    root = tmp_path / "shipped"
    monkeypatch.setattr(assets, "shipped_root", lambda: root)
    monkeypatch.setattr(assets, "shipped_names", lambda: sorted(files(root)))
    write(root, {RULES: "rules 1", ALERTMANAGER: "receivers 1", "prometheus/runbook.md": "what to do"})
    return root


def write(directory: Path, contents: dict[str, str]) -> None:
    """Write files of a directory."""
    for name, content in contents.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(content, encoding="utf-8")


def test_all_that_is_shipped_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Byte for byte as in the repository, in the same tree; no configuration is needed, nor has to be a good one."""
    monkeypatch.setenv("YUNFU_MISSPELT", "1")
    to = tmp_path / "made" / "here"
    assert run(["assets", "--to", f"{to}/"]) == 0
    assert files(to) == {name: (ROOT / name).read_bytes() for name in shipped_names()}
    out, err = capsys.readouterr()
    assert err == ""
    first, *others = out.splitlines()
    assert first == f"{len(shipped_names())} files of yunfu-exporter {__version__} written to {to}"
    named = {word.rstrip(";") for line in others for word in line.split() if word.startswith(str(to))}
    assert len(named) > len(others)
    assert [name for name in named if not [*Path("/").glob(name[1:])]] == []


def test_what_is_said_is_in_the_terminals_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Chinese locale is led to the Chinese dashboards and documents, which are there."""
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert run(["assets", "--to", str(tmp_path)]) == 0
    first, *others = capsys.readouterr().out.splitlines()
    assert first == f"已将 yunfu-exporter {__version__} 的 {len(shipped_names())} 个文件写入 {tmp_path}"
    named = {word for line in others for word in line.split() if word.startswith(str(tmp_path))}
    assert str(tmp_path / "prometheus" / "runbook.zh-CN.md") in named
    assert [name for name in named if not [*Path("/").glob(name[1:])]] == []


def test_what_the_user_has_changed_is_seen_by_sha256sum(ship: Path, tmp_path: Path) -> None:
    """SHA256SUMS is what that program reads."""
    assert run(["assets", "--to", str(tmp_path / "to")]) == 0
    checked = run_program(need("sha256sum", "apt-get install coreutils"), "--check", "SHA256SUMS", cwd=tmp_path / "to")
    assert checked.splitlines() == [f"{name}: OK" for name in sorted(files(ship))]


def test_again_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same version over its own files leaves each as it is."""
    assert run(["assets", "--to", str(tmp_path)]) == 0
    before = {name: (tmp_path / name).stat() for name in files(tmp_path)}
    capsys.readouterr()
    assert run(["assets", "--to", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("0 files of ")
    assert {name: (tmp_path / name).stat() for name in files(tmp_path)} == before


def test_a_newer_version_replaces_what_the_user_has_not_changed(
    ship: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is no longer shipped goes, so that no rule is loaded twice; what is the user's own stays."""
    to = tmp_path / "to"
    assert run(["assets", "--to", str(to)]) == 0
    write(to, {"prometheus/rules/own.yaml": "my own"})
    (ship / RULES).unlink()
    write(ship, {"prometheus/rules/tasks.yaml": "rules 2", "prometheus/runbook.md": "what to do now"})
    capsys.readouterr()
    assert run(["assets", "--to", str(to)]) == 0
    assert files(to) == {**files(ship), "prometheus/rules/own.yaml": b"my own"}
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("2 files of ")
    assert said[1] == f"removed, since this version has none: {to}/{RULES}"


def test_what_the_user_has_changed_stays(ship: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The new file is put beside it once, when there is one; a changed file that is no longer shipped stays as well.

    Each run tells of both until the user has deleted the one that is not needed.
    """
    to = tmp_path / "to"
    assert run(["assets", "--to", str(to)]) == 0
    write(to, {RULES: "my rules", ALERTMANAGER: "my receivers", "prometheus/runbook.md": "my notes"})
    write(ship, {ALERTMANAGER: "receivers 2"})
    (ship / "prometheus/runbook.md").unlink()
    capsys.readouterr()
    assert run(["assets", "--to", str(to)]) == 0
    mine = {RULES: b"my rules", ALERTMANAGER: b"my receivers", "prometheus/runbook.md": b"my notes"}
    assert files(to) == mine | {f"{ALERTMANAGER}.new": b"receivers 2"}
    said = capsys.readouterr().out
    assert f"kept, since you changed it: {to}/{ALERTMANAGER}; the new one is {to}/{ALERTMANAGER}.new: take " in said
    assert f"kept, since you changed it: {to}/prometheus/runbook.md; this version has none: delete it " in said
    assert RULES not in said
    assert run(["assets", "--to", str(to)]) == 0
    assert capsys.readouterr().out == said.replace("1 files of", "0 files of")
    (to / f"{ALERTMANAGER}.new").unlink()
    (to / "prometheus/runbook.md").unlink()
    assert run(["assets", "--to", str(to)]) == 0
    assert files(to) == {RULES: b"my rules", ALERTMANAGER: b"my receivers"}
    assert "you changed it" not in capsys.readouterr().out


def test_files_that_were_there_before_stay(ship: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a directory where it has never written, a file of that name is the user's."""
    to = tmp_path / "to"
    write(to, {ALERTMANAGER: "theirs"})
    assert run(["assets", "--to", str(to)]) == 0
    assert files(to) == {**files(ship), ALERTMANAGER: b"theirs", f"{ALERTMANAGER}.new": b"receivers 1"}
    assert f"kept, since you changed it: {to}/{ALERTMANAGER}" in capsys.readouterr().out


def test_a_record_leads_out_of_the_directory_to_no_avail(ship: Path, tmp_path: Path) -> None:
    """A file that a forged record names is only removed within the directory, whatever a link there leads to, and whatever it names."""
    to, outside = tmp_path / "to", tmp_path / "outside"
    outside.write_text("theirs", encoding="utf-8")
    names = ("../outside", outside, "up/outside", "loop/outside", "no\0name", "long" * 100)
    write(to, {"SHA256SUMS": "".join(f"{assets._digest(b'theirs')}  {name}\n" for name in names) + "no line of ours\n"})
    (to / "up").symlink_to(tmp_path)
    (to / "loop").symlink_to("loop")
    assert run(["assets", "--to", str(to)]) == 0
    assert outside.exists()
    (to / "up").unlink()
    assert files(to) == files(ship)


def test_a_folder_may_be_on_another_file_system(ship: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are renamed within their folder: between file systems nothing can be."""
    renamed: list[tuple[Path, Path]] = []
    real = Path.replace

    def noted(path: Path, target: Path) -> Path:
        renamed.append((path.parent, target.parent))
        return real(path, target)

    monkeypatch.setattr(Path, "replace", noted)
    assert run(["assets", "--to", str(tmp_path / "to")]) == 0
    assert len(renamed) == len(files(ship)) + 1
    assert [each for each in renamed if each[0] != each[1]] == []


def test_a_folder_may_be_a_link(ship: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What lies where it leads is known as written by us, and renewed."""
    to = tmp_path / "to"
    assert run(["assets", "--to", str(to)]) == 0
    (to / "prometheus").rename(tmp_path / "elsewhere")
    (to / "prometheus").symlink_to(tmp_path / "elsewhere")
    write(ship, {RULES: "rules 2"})
    capsys.readouterr()
    assert run(["assets", "--to", str(to)]) == 0
    assert (to / RULES).read_text(encoding="utf-8") == "rules 2"
    assert "you changed it" not in capsys.readouterr().out


@pytest.mark.parametrize("name", [RULES, "SHA256SUMS"])
def test_a_pipe_is_not_waited_for(ship: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no file in the place of one is named, and stays."""
    pipe = tmp_path / "to" / name
    pipe.parent.mkdir(parents=True)
    os.mkfifo(pipe)
    assert run(["assets", "--to", str(tmp_path / "to")]) == 1
    assert f"cannot be written: Not a regular file: {pipe}; expected " in capsys.readouterr().err
    assert files(ship)


@pytest.mark.usefixtures("ship")
def test_all_users_can_read_what_is_written(tmp_path: Path) -> None:
    """Prometheus runs as a user of its own, and root's umask can be 077; what was there keeps its mode."""
    to = tmp_path / "there" / "to"
    to.parent.mkdir(mode=0o700)
    before = os.umask(0o077)
    try:
        assert run(["assets", "--to", str(to)]) == 0
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    modes = {path.relative_to(to.parent): path.stat().st_mode & 0o777 for path in (to.parent, to, *to.rglob("*"))}
    assert modes.pop(Path()) == 0o700
    assert modes == {name: 0o755 if (to.parent / name).is_dir() else 0o644 for name in modes}


def test_a_run_waits_for_another_in_the_same_directory(
    ship: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They would rename each other's half-written files; whoever comes second finds everything done."""
    to = tmp_path / "to"
    real = fcntl.flock

    def wait(number: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", real)
        assert run(["assets", "--to", str(to)]) == 0
        real(number, operation)

    monkeypatch.setattr(fcntl, "flock", wait)
    assert run(["assets", "--to", str(to)]) == 0
    assert [line.partition(" ")[0] for line in capsys.readouterr().out.splitlines() if " files of " in line] == [
        "3",
        "0",
    ]
    assert files(to) == files(ship)


def test_a_file_system_without_locks_is_written_to(ship: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network file systems lock nothing, or no directory that is only read."""

    def refuse(*_: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert run(["assets", "--to", str(tmp_path / "to")]) == 0
    assert files(tmp_path / "to") == files(ship)


def test_a_full_disk_leaves_everything_as_it_was(
    ship: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What could not be written whole is not written at all, and the next run does it."""
    to = tmp_path / "to"
    assert run(["assets", "--to", str(to)]) == 0
    before = files(to)
    (ship / "prometheus/runbook.md").unlink()
    write(ship, {RULES: "rules 2", ALERTMANAGER: "receivers 2"})
    written: list[Path] = []
    real = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        written.append(path)
        if len(written) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, content)

    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        assert run(["assets", "--to", str(to)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(
        f"yunfu-exporter: --to: {to} cannot be written: No space left on device; expected room for the files"
    )
    assert err.count("\n") == 1
    assert files(to) == before
    assert run(["assets", "--to", str(to)]) == 0
    assert files(to) == files(ship)


def test_what_was_broken_off_is_done_by_the_next_run(
    ship: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it ends between two files, each is the old one or the new one, and neither is taken for the user's."""
    to = tmp_path / "to"
    assert run(["assets", "--to", str(to)]) == 0
    write(ship, {RULES: "rules 2", ALERTMANAGER: "receivers 2"})
    real = Path.replace

    def ended(path: Path, target: Path) -> Path:
        if target == to / RULES:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", ended)
        assert run(["assets", "--to", str(to)]) == 1
    assert files(to) == {**files(ship), RULES: b"rules 1"}
    assert run(["assets", "--to", str(to)]) == 0
    assert files(to) == files(ship)


@pytest.mark.parametrize("blocked", ["", "prometheus", RULES])
def test_what_is_in_the_way_is_named(
    ship: Path, tmp_path: Path, blocked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file for a directory, or a directory for a file: one line, status 1, and nothing has been removed or overwritten."""
    to = tmp_path / "to"
    path = to / blocked
    path.parent.mkdir(parents=True, exist_ok=True)
    if blocked == RULES:
        path.mkdir()
    else:
        path.write_text("theirs", encoding="utf-8")
    assert run(["assets", "--to", str(to)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert str(path) in err
    assert path.is_dir() if blocked == RULES else path.read_text(encoding="utf-8") == "theirs"
    assert files(ship)


def test_a_path_that_steers_a_terminal_is_told_on_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As in all that is printed, a question mark stands for what would."""
    (tmp_path / "file").touch()
    assert run(["assets", "--to", f"{tmp_path}/file/\x1b[31mred\n\udcff"]) == 1
    assert f"--to: {tmp_path}/file/?[31mred?? cannot be written: Not a directory: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileExistsError(errno.EEXIST, "File exists", "to"), "Not a directory: to; expected a directory that you may write to"),
        (OSError(errno.EXDEV, "Cross", "to/.assets-x/1", None, "to/a"), "Cross: to/a; expected a directory that you may write to"),
        (
            PermissionError(errno.EACCES, "Permission denied", "to"),
            (
                "Permission denied: to; expected a directory that you may write to "
                '(in a container, run it as yourself: --user "$(id -u)")'
            ),
        ),
    ],
)  # fmt: skip
def test_the_message_is_about_what_the_user_can_mend(
    error: OSError, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No name of a temporary file, and a hint about containers only where the user is the fault."""

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert run(["assets", "--to", "to"]) == 1
    assert capsys.readouterr().err == f"yunfu-exporter: --to: to cannot be written: {said}\n"


def test_an_empty_path_is_not_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A variable of a script that is not set spills no files."""
    monkeypatch.chdir(tmp_path)
    assert run(["assets", "--to", ""]) == 1
    assert capsys.readouterr().err == "yunfu-exporter: --to: is empty; expected a directory, . for this one\n"
    assert files(tmp_path) == {}


def test_it_is_said_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --to it does nothing; a word too many is told."""
    with pytest.raises(SystemExit) as end:
        run(["assets"])
    assert end.value.code == 2
    assert "the following arguments are required: --to" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(["assets", "--to", "x", "--force"])
    assert "unrecognized arguments: --force" in capsys.readouterr().err
