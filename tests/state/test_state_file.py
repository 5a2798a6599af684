import logging
import os
import random
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.api.model import TaskRef
from exporter.state.saved import SavedAccount, SavedTask
from exporter.state.state_file import APPLICATION_ID, VERSION, StateFile
from tests.support.state import ACCOUNT, ANY_TASK, ref, saved, write

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a state file may be."""
    return tmp_path / "state.db"


@pytest.fixture
def file(path: Path) -> Iterator[StateFile]:
    """Return an open, empty state file."""
    with closing(opened(path)) as file:
        yield file


def opened(path: Path) -> StateFile:
    """Open a state file that can be opened."""
    file = StateFile.open(path)
    assert file is not None
    return file


class Held(NamedTuple):
    """The tasks and accounts that a file holds."""

    tasks: list[SavedTask]
    accounts: list[SavedAccount]


def load(path: Path) -> Held:
    """Return what a file holds, as after a restart."""
    with closing(opened(path)) as file:
        state = file.load()
        return Held(state.tasks, state.accounts)


def test_a_file_knows_whether_its_exporter_ended_by_itself(tmp_path: Path) -> None:
    """What was saved is complete only for the start that follows an end at which all was written."""
    path = tmp_path / "state.db"
    for is_complete in (True, False):
        file = opened(path)
        file.load()
        file.close(is_complete=is_complete)
        with closing(opened(path)) as again:
            assert again.load().is_complete is is_complete
        with closing(opened(path)) as once_more:
            assert not once_more.load().is_complete


def fill(path: Path, tasks: int = 1) -> None:
    """Write some tasks."""
    with closing(opened(path)) as file:
        write(file, (saved(ref(number)) for number in range(tasks)))


def change(path: Path, statement: str) -> None:
    """Change a file behind the exporter's back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def test_what_is_written_is_there_after_a_restart(path: Path, file: StateFile) -> None:
    """Tasks and accounts come back whole; what is written again replaces, and what is deleted is gone."""
    own, of_sub_account = saved(ref(1)), saved(ref(1, sub_user_id="sub"))
    write(file, [own, of_sub_account, saved(ref(2))])
    file.begin()
    file.put_tasks([(ref(2), None), (ref(1), newer := replace(own, up=True))])
    file.put_accounts([("main", SavedAccount("main")), ("other", SavedAccount("other"))])
    file.commit()
    file.begin()
    file.put_accounts([("main", ACCOUNT), ("other", None)])
    file.commit()
    file.close()
    assert load(path) == ([newer, of_sub_account], [ACCOUNT])


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ANY_TASK, max_size=5, unique_by=lambda task: task.task.ref))
def test_any_tasks_come_back_as_they_were(tasks: list[SavedTask]) -> None:
    """Whatever the platform reports of tasks and their windows, the file gives back the same."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "state.db"
        with closing(opened(path)) as file:
            write(file, tasks)
        assert load(path).tasks == tasks


def test_only_its_owner_can_read_it(path: Path) -> None:
    """The file, and the log beside it, are readable and writable by the exporter's user alone."""
    with closing(opened(path)) as file:
        write(file, [saved(ref())])
        assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}
        assert len(list(path.parent.iterdir())) == 2
    assert [each.name for each in path.parent.iterdir()] == ["state.db"]


def test_a_second_exporter_is_refused(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """While one has the file another starts without it, with a line that says why; the first goes on."""
    code = "import sys; from tests.support.state import *; print(StateFile.open(Path(sys.argv[1])))"
    first = opened(path)
    second = subprocess.run(
        [sys.executable, "-c", code, path], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert second.stdout == "None\n"
    assert len(second.stderr.splitlines()) == 1
    write(first, [saved(ref())])
    first.close()
    assert load(path).tasks == [saved(ref())]
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert refusal(path, caplog) == "another process uses it; give each exporter a separate file, or stop the other"


def refusal(path: Path, caplog: pytest.LogCaptureFixture) -> str:
    """Return why a file is not used, from the one line that says so."""
    caplog.clear()
    with caplog.at_level(logging.INFO):
        assert StateFile.open(path) is None
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == (
        "state file is not used; this start begins without what was saved, and nothing is saved"
    )
    fields = record.fields  # type: ignore[attr-defined]  # logs.FieldsLogger puts them there
    assert fields["file"] == path
    return str(fields["error"])


def make_newer(path: Path) -> None:
    """Make a file of a newer exporter."""
    fill(path)
    change(path, f"PRAGMA user_version = {VERSION + 1}")


UNUSABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a text": (lambda path: path.write_text("state"), "it is no state file of this exporter and is left alone"),
    "zeros": (lambda path: path.write_bytes(bytes(8192)), "it is no state file of this exporter and is left alone"),
    "another program's database": (
        lambda path: change(path, "CREATE TABLE tasks (id)"),
        "it is no state file of this exporter and is left alone",
    ),
    "a newer exporter's": (make_newer, f"its format is version {VERSION + 1}, this exporter reads up to {VERSION}"),
    "a folder": (lambda path: path.mkdir(), "it is no regular file"),
    "a pipe": (os.mkfifo, "it is no regular file"),
    "a link to nowhere": (
        lambda path: path.symlink_to(path.parent / "missing" / "state.db"),
        "No such file or directory; check that the folder exists",
    ),
}


@pytest.mark.parametrize(("make", "reason"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_is_not_ours_is_left_alone(
    path: Path, caplog: pytest.LogCaptureFixture, make: Callable[[Path], object], reason: str
) -> None:
    """A file that is foreign, newer or none is one line, and not a byte of it is touched."""
    make(path)
    before = path.read_bytes() if path.is_file() else None
    assert refusal(path, caplog).startswith(reason)
    assert [each.name for each in path.parent.iterdir()] == ["state.db"]
    assert (path.read_bytes() if path.is_file() else None) == before


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "missing/state.db",
            "No such file or directory; check that the folder exists and the exporter may write to it",
        ),
        ("file/state.db", "Not a directory; check that the folder exists and the exporter may write to it"),
        ("state\0.db", "embedded null byte"),
        (f"{'n' * 300}.db", "File name too long; check that the folder exists and the exporter may write to it"),
    ],
)
def test_a_path_that_leads_nowhere_is_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, reason: str
) -> None:
    """A folder that is missing, or a name that no file can have, is said so."""
    (tmp_path / "file").touch()
    assert refusal(tmp_path / name, caplog) == reason


@pytest.mark.parametrize("exists", [True, False], ids=["file", "folder"])
def test_what_may_not_be_written_is_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture, *, exists: bool) -> None:
    """Neither a file nor a folder that the exporter may not write to ends the start."""
    path = tmp_path / "state.db"
    if exists:
        fill(path)
        path.chmod(0o400)
    tmp_path.chmod(0o500)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)  # root may write anything
        error = refusal(path, caplog)
    finally:
        os.seteuid(user)
        tmp_path.chmod(0o700)
    assert error == "Permission denied; check that the folder exists and the exporter may write to it"


def test_an_empty_file_is_a_new_one(path: Path) -> None:
    """A file that an administrator has created beforehand is used."""
    path.touch()
    fill(path)
    assert load(path).tasks == [saved(ref())]


def damage(path: Path, random_: random.Random) -> None:
    """Overwrite all pages but the first."""
    content = path.read_bytes()
    path.write_bytes(content[:4096] + random_.randbytes(len(content) - 4096))


def cut(path: Path, random_: random.Random) -> None:
    """Cut a file within its pages, but not within its header."""
    os.truncate(path, random_.randrange(200, path.stat().st_size - 4096))


@pytest.mark.parametrize("harm", [damage, cut])
@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_file_is_set_aside(
    path: Path, caplog: pytest.LogCaptureFixture, harm: Callable[[Path, random.Random], None], seed: int
) -> None:
    """Ours that cannot be read is renamed, in one line, and a new one begins that works."""
    fill(path, tasks=50)
    harm(path, random.Random(seed))
    harmed = path.stat().st_size
    with caplog.at_level(logging.INFO), closing(opened(path)) as file:
        assert file.load() == ([], [], False)
        write(file, [saved(ref())])
    assert [record.getMessage() for record in caplog.records] == [
        "state file is damaged and was set aside; a new one begins, counters start from 0"
    ]
    assert load(path).tasks == [saved(ref())]
    assert path.with_name("state.db.damaged").stat().st_size in range(harmed, harmed + 4096)


ROWS = (
    "x'00'",
    "'not JSON'",
    "'{}'",
    "1",
    "'[1]'",
    """'{"task":{"ref":["a","b",null],"min_answer_ratio":"high"}}'""",
    """'{"task":{"ref":["a","b",null],"min_answer_ratio":0.2},"stats":{"answered":"61"}}'""",
    """'{"task":{"ref":["a","b",null],"min_answer_ratio":0.2,"state":"flying"}}'""",
    """'{"task":{"ref":["a"],"min_answer_ratio":0.2}}'""",
)


def test_rows_that_cannot_be_read_are_counted_and_dropped(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The other rows are there; those of another shape are one line, and gone at the next start."""
    fill(path, tasks=2)
    for number, row in enumerate(ROWS):
        change(path, f"INSERT INTO tasks VALUES ('a', '{number}', '', {row})")  # noqa: S608  # rows of ours
    change(path, "INSERT INTO accounts VALUES ('a', '{}')")
    assert load(path) == ([saved(ref(0)), saved(ref(1))], [])
    (record,) = caplog.records
    assert record.getMessage() == "state file has rows that cannot be read; they are dropped"
    assert record.fields["rows"] == len(ROWS) + 1  # type: ignore[attr-defined]  # logs.FieldsLogger puts it there
    assert load(path).tasks == [saved(ref(0)), saved(ref(1))]
    assert len(caplog.records) == 1


def test_tables_of_another_shape_lose_only_what_was_saved(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that was changed by hand beyond reading is one line and an empty state."""
    fill(path)
    change(path, "ALTER TABLE tasks RENAME record TO something_else")
    assert load(path) == ([], [])
    assert [record.getMessage() for record in caplog.records] == ["state file cannot be read to its end"]


def test_a_text_that_no_file_can_hold_leaves_out_one_task(
    path: Path, file: StateFile, caplog: pytest.LogCaptureFixture
) -> None:
    """A lone surrogate keeps the other tasks of the transaction in the file, and is one line however often it comes."""
    odd = saved(ref(1))
    odd = replace(odd, task=replace(odd.task, name="\ud800"))
    for _ in range(3):
        write(file, [saved(ref(0)), odd, saved(ref(2))])
        file.begin()
        file.put_tasks([(TaskRef("\ud800", "id"), None)])
        file.put_accounts([("\ud800", SavedAccount("\ud800")), ("\ud801", None), ("main", ACCOUNT)])
        file.commit()
    file.close()
    assert load(path) == ([saved(ref(0)), saved(ref(2))], [ACCOUNT])
    assert [record.getMessage() for record in caplog.records] == ["not saved in the state file"] * 4


def test_a_full_disk_undoes_the_transaction(path: Path, file: StateFile) -> None:
    """What was there before stays whole, and the next transaction works when there is space."""
    write(file, [saved(ref(0), answered=1)])
    file._connection.execute("PRAGMA max_page_count = 8")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        write(file, [saved(ref(number), answered=2) for number in range(50)])
    file.rollback()
    file._connection.execute("PRAGMA max_page_count = 1000")
    write(file, [saved(ref(1), answered=3)])
    file.close()
    assert load(path).tasks == [saved(ref(0), answered=1), saved(ref(1), answered=3)]


def test_a_kill_loses_only_what_was_not_committed(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Killed at any moment, the file opens without a word, and all its tasks are of one transaction: the last, or the next."""
    moments, tasks = random.Random(13), 40
    command = [sys.executable, "-m", "tests.support.state", str(path), str(tasks)]
    for _ in range(5):
        with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(moments.randrange(3, 12))]
            try:
                process.wait(moments.uniform(0, 0.05))
            except subprocess.TimeoutExpired:
                process.kill()
            committed = int([*lines, *process.stdout][-1])
        state = load(path)
        assert len(state.tasks) == tasks
        (count,) = {task.stats and task.stats.answered for task in state.tasks}
        assert count in {committed, committed + 1}
    assert caplog.records == []


def test_the_file_says_what_it_is(path: Path, file: StateFile) -> None:
    """The application id and the version of the format are in the header, where ``file`` and SQLite look for them."""
    file.close()
    header = path.read_bytes()[:100]
    assert int.from_bytes(header[68:72]) == APPLICATION_ID
    assert int.from_bytes(header[60:64]) == VERSION
