"""The file that tasks and accounts are kept in, so that a restart costs no API call and no counter.

It is an SQLite database with ``PRAGMA application_id`` 0x59756E66 ("Yunf") and ``PRAGMA user_version`` 1, and three tables:

    tasks(account, id, sub_user_id, record)   -- one row per task; sub_user_id is '' for the account's own tasks
    accounts(name, record)                    -- one row per account
    endings(id)                               -- a row if the exporter before wrote all it knew and ended by itself

``record`` is the JSON that ``saved`` describes; to look at one: ``SELECT CAST(record AS TEXT) FROM tasks``. Names,
numbers and times are in it, but no token and no phone number.

A file that cannot be used is one line in the log, and the exporter starts without it. One that is not ours, or is of a
newer exporter, is left as it is. Ours, when damaged, is set aside as ``….damaged`` (over an earlier one) and a new one is
begun: there is nothing in it that the platform does not report again, and without a new file every later restart would
cost what this one does.
"""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from exporter.api.model import TaskRef
from exporter.logs import get_logger
from exporter.state.saved import (
    SavedAccount,
    SavedTask,
    decode_account,
    decode_task,
    encode_account,
    encode_task,
)

log = get_logger(__name__)

APPLICATION_ID: Final = 0x59756E66
VERSION: Final = 1
"""The version of the format: higher means that an older exporter cannot read it."""

LOCK_SECONDS: Final = 1.0
"""How long to wait for the exporter before us to let go of the file."""

_HEADER: Final = struct.Struct(">16s44xI4xI28x")  # magic, user_version, application_id: sqlite.org/fileformat2.html
_MAGIC: Final = b"SQLite format 3\0"
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS tasks (
        account TEXT NOT NULL, id TEXT NOT NULL, sub_user_id TEXT NOT NULL, record BLOB NOT NULL,
        PRIMARY KEY (account, id, sub_user_id))""",
    "CREATE TABLE IF NOT EXISTS accounts (name TEXT NOT NULL PRIMARY KEY, record BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS endings (id INTEGER PRIMARY KEY)",
)
_PUT_TASK: Final = (
    "INSERT INTO tasks VALUES (?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET record = excluded.record"  # REPLACE would delete the row and write both its indexes
)
_DELETE_TASK: Final = "DELETE FROM tasks WHERE account = ? AND id = ? AND sub_user_id = ?"
_PUT_ACCOUNT: Final = "INSERT INTO accounts VALUES (?, ?) ON CONFLICT DO UPDATE SET record = excluded.record"
_DELETE_ACCOUNT: Final = "DELETE FROM accounts WHERE name = ?"

Value = TypeVar("Value")


class StateFileError(Exception):
    """A state file that cannot be used; the text says why, and what to do."""


class SavedState(NamedTuple):
    """What a state file holds.

    ``is_complete`` says that nothing was known beyond it: the exporter before ended by itself and was not killed.
    """

    tasks: list[SavedTask]
    accounts: list[SavedAccount]
    is_complete: bool = True


class StateFile:
    """An open state file, which no other process can open meanwhile. One thread at a time may use it.

    Its methods raise sqlite3.Error where the disk fails; ``load`` and ``close`` raise nothing.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._unwritable: set[object] = set()

    @classmethod
    def open(cls, path: Path) -> StateFile | None:
        """Open a state file, or create it; if that cannot be, log why and return None."""
        try:
            return cls(path, _open(path))
        except (StateFileError, sqlite3.Error, OSError, ValueError) as error:
            log.error(  # noqa: TRY400  # a traceback does not help whoever mends the path
                "state file is not used; this start begins without what was saved, and nothing is saved",
                file=path,
                error=_explain(error),
            )
            return None

    def load(self) -> SavedState:
        """Return all that can be read. What cannot is logged in one line, and its rows are deleted."""
        tasks: list[SavedTask] = []
        accounts: list[SavedAccount] = []
        is_complete = False
        try:
            is_complete = bool(self._connection.execute("DELETE FROM endings").rowcount)
            unread = self._read("tasks", decode_task, tasks) + self._read("accounts", decode_account, accounts)
            if unread:
                log.warning("state file has rows that cannot be read; they are dropped", file=self.path, rows=unread)
        except sqlite3.Error as error:
            log.warning("state file cannot be read to its end", file=self.path, read=len(tasks), error=error)
        return SavedState(tasks, accounts, is_complete)

    def begin(self) -> None:
        """Begin a transaction."""
        self._connection.execute("BEGIN")

    def put_tasks(self, tasks: Iterable[tuple[TaskRef, SavedTask | None]]) -> None:
        """Write tasks; None deletes one. A task whose texts no file can hold is logged once and left out."""
        for ref, saved in tasks:
            key = ref.account, ref.id, ref.sub_user_id or ""
            try:
                if saved is None:
                    self._connection.execute(_DELETE_TASK, key)
                else:
                    self._connection.execute(_PUT_TASK, (*key, encode_task(saved)))
            except ValueError as error:
                self._leave_out(ref, error)

    def put_accounts(self, accounts: Iterable[tuple[str, SavedAccount | None]]) -> None:
        """Write accounts; None deletes one."""
        for name, saved in accounts:
            try:
                if saved is None:
                    self._connection.execute(_DELETE_ACCOUNT, (name,))
                else:
                    self._connection.execute(_PUT_ACCOUNT, (name, encode_account(saved)))
            except ValueError as error:
                self._leave_out(name, error)

    def commit(self) -> None:
        """End a transaction: what it wrote survives a ``kill -9`` from now on."""
        self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Undo a transaction, if one is open."""
        with suppress(sqlite3.Error):
            self._connection.rollback()

    def close(self, *, is_complete: bool = False) -> None:
        """Close the file and let another process open it; ``is_complete`` says that all is written that is known."""
        with suppress(sqlite3.Error):
            if is_complete:
                self._connection.execute("INSERT OR IGNORE INTO endings VALUES (1)")
        with suppress(sqlite3.Error):
            self._connection.close()

    def _read(self, table: str, decode: Callable[[bytes], Value], into: list[Value]) -> int:
        """Read a table and delete the rows that cannot be read; return how many there are."""
        unread = []
        for row, record in self._connection.execute(f"SELECT rowid, record FROM {table}"):  # noqa: S608  # a name of ours
            try:
                into.append(decode(record))
            except (ValueError, TypeError):  # no JSON, JSON of another shape, or no text at all
                unread.append((row,))
        self._connection.executemany(f"DELETE FROM {table} WHERE rowid = ?", unread)  # noqa: S608  # likewise
        return len(unread)

    def _leave_out(self, key: object, error: ValueError) -> None:
        if key not in self._unwritable:
            self._unwritable.add(key)
            log.error("not saved in the state file", file=self.path, key=ascii(key), error=ascii(error))


def _open(path: Path) -> sqlite3.Connection:
    """Open what is at a path, or create it. Raises StateFileError, sqlite3.Error, OSError, or ValueError (NUL in a path)."""
    _check(path)
    try:
        return _connect(path)
    except sqlite3.Error as error:
        if _code(error) not in _DAMAGED:
            raise
        _set_aside(path)
        log.error(  # noqa: TRY400  # a traceback does not help whoever looks after the disk
            "state file is damaged and was set aside; a new one begins, counters start from 0", file=path, error=error
        )
    _check(path)
    return _connect(path)


def _check(path: Path) -> None:
    """Create the file, readable by its owner alone, or check that what is there is ours. Raises StateFileError, OSError.

    SQLite itself must not open what is not ours: it would finish what another program has left in its journal. And it
    must not have the file open in this process yet: to close another descriptor of it would end SQLite's lock.
    """
    if path.exists() and not path.is_file():
        raise StateFileError("it is no regular file; set state_file to the path of a file")
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "rb") as file:  # noqa: PTH123  # pathlib has no mode
        header = file.read(_HEADER.size)
    if not header:
        return
    magic, version, application = _HEADER.unpack(header.ljust(_HEADER.size, b"\0"))
    if (magic, application) != (_MAGIC, APPLICATION_ID):
        raise StateFileError(
            "it is no state file of this exporter and is left alone; move it away, or set another path"
        )
    if version > VERSION:
        raise StateFileError(
            f"its format is version {version}, this exporter reads up to {VERSION}, and it is left alone;"
            " use the newer exporter, or move the file away"
        )


def _connect(path: Path) -> sqlite3.Connection:
    """Open a database of ours, or an empty file, and lock it. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.text_factory = bytes
        # The lock refuses a second exporter, is gone when the process is, however it ends, and makes the log work where
        # memory cannot be shared, as on network file systems: it must come before anything touches the file.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
        # A write-ahead log, since its frames carry checksums: whatever moment the process or the power goes, the file
        # is as after the last whole transaction. NORMAL then waits for the disk only when the log is copied into the
        # file: a kill loses nothing that was committed, a power cut perhaps the last writes.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        _check_pages(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_pages(connection: sqlite3.Connection) -> None:
    """Read all pages once: tens of milliseconds for 10,000 tasks. Raises sqlite3.Error if one is damaged."""
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if finding != b"ok":
        damage = sqlite3.DatabaseError(finding.decode(errors="replace"))
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damage


def _set_aside(path: Path) -> None:
    """Rename a damaged file, and its log or journal, which must not be taken for those of the new file. Raises OSError."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).replace(path.with_name(f"{path.name}.damaged{suffix}"))


def _code(error: sqlite3.Error) -> int:
    """Return the primary result code of an error; 0 if SQLite gave none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _explain(error: Exception) -> str:
    if isinstance(error, sqlite3.Error) and _code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return "another process uses it; give each exporter a separate file, or stop the other"
    if isinstance(error, sqlite3.Error):
        return f"{error}; check the folder's permissions and free space"
    if isinstance(error, OSError):
        return f"{error.strerror or error}; check that the folder exists and the exporter may write to it"
    return str(error)
