import json
import logging
import os
import sys
import threading
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from exporter import logs
from exporter.logs import dropped_lines, get_logger, set_up


def _line(line_format: str, message: str, **values: object) -> str:
    """Format a warning of a fixed time as ``set_up`` has it."""
    set_up("info", line_format, StringIO())
    record = logging.makeLogRecord({"created": 1751000000.5, "levelname": "WARNING", "msg": message, "fields": values})
    return logging.getLogger().handlers[0].format(record)


HEAD = "ts=2025-06-27T04:53:20.500Z level=warning msg="


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", "plain"),
        ("main/a-b_c.d:e", "main/a-b_c.d:e"),
        ("", '""'),
        ("two words", '"two words"'),
        ('a"b', '"a\\"b"'),
        ("a=b", '"a=b"'),
        ("a\nb", '"a\\nb"'),
        ("\x1b[31m\u202e\x9b", '"\\u001b[31m\\u202e\\u009b"'),
        ("a\r\tb", '"a\\r\\tb"'),
        ("\x1b[31m", '"\\u001b[31m"'),
        ("老客户回访", "老客户回访"),
        ("老客户 回访", '"老客户 回访"'),
        (5, "5"),
        (0.25, "0.25"),
        (None, "None"),
        (ValueError("bad thing"), '"bad thing"'),
    ],
)
def test_logfmt_quotes_what_needs_it(value: object, written: str) -> None:
    """A value with blanks, quotes, signs or line breaks is quoted and escaped, any other stands bare."""
    assert _line("logfmt", "logged", value=value) == f"{HEAD}logged value={written}"


def test_a_log_line_is_one_line_in_either_format() -> None:
    """No line break of a text of the platform's ends the line."""
    for line_format in ("logfmt", "json"):
        assert "\n" not in _line(line_format, "two\nlines", name="a\nb")


def test_json_lines_are_objects_that_say_the_same() -> None:
    """A line is one JSON object: time, level, message and the fields with their own types."""
    line = _line("json", 'it "failed"', account="主", task=None, count=2, seconds=0.5, error=ValueError("a\nb"))
    assert json.loads(line) == {
        "ts": "2025-06-27T04:53:20.500Z",
        "level": "warning",
        "msg": 'it "failed"',
        "account": "主",
        "task": None,
        "count": 2,
        "seconds": 0.5,
        "error": "a\nb",
    }
    assert "主" in line


@pytest.mark.parametrize("line_format", ["logfmt", "json"])
@pytest.mark.parametrize("sign", ["\x1b", "\x9b", "\u202e", "\u2066", "\u200b", "\u2028", "\U000e0041", "\ud800"])
def test_nothing_that_steers_a_terminal_is_in_a_line(line_format: str, sign: str) -> None:
    """Control characters of C0 and C1, and those that turn or hide text, are escaped in either format, and can be read back."""
    name = f"老 {sign}客户"
    line = _line(line_format, name, name=name)
    assert line.isprintable()
    assert (
        json.loads(line.partition("name=")[2]) == name if line_format == "logfmt" else json.loads(line)["name"] == name
    )


@pytest.mark.parametrize("line_format", ["logfmt", "json"])
def test_an_exception_is_a_field_of_its_line(line_format: str) -> None:
    """The traceback stands in the same line, after the message."""
    stream = StringIO()
    set_up("info", line_format, stream)
    try:
        int("the fault")
    except ValueError:
        get_logger("exporter.part").exception("broke off", task="t")
    (line,) = stream.getvalue().splitlines()
    logged: dict[str, Any]
    if line_format == "json":
        logged = json.loads(line)
    else:
        logged = {"msg": line.split("msg=")[1].split(" task=")[0].strip('"')}
        logged["traceback"] = json.loads(line.split("traceback=")[1])
    assert logged["msg"] == "broke off"
    assert logged["traceback"].startswith("Traceback (most recent call last):\n")
    assert logged["traceback"].endswith("ValueError: invalid literal for int() with base 10: 'the fault'")


@pytest.mark.parametrize(
    ("level", "logged"),
    [
        ("debug", ["exporter:debug", "exporter:info", "exporter:warning", "aiohttp:warning"]),
        ("info", ["exporter:info", "exporter:warning", "aiohttp:warning"]),
        ("warning", ["exporter:warning", "aiohttp:warning"]),
        ("error", ["aiohttp:warning"]),
    ],
)
def test_the_level_is_that_of_this_package_and_libraries_only_warn(level: str, logged: list[str]) -> None:
    """The level set is the package's own; the chatter of libraries below a warning is left out."""
    stream = StringIO()
    set_up(level, "json", stream)
    for name in ("exporter", "aiohttp"):
        for each in ("debug", "info", "warning"):
            logging.getLogger(f"{name}.part").log(logging.getLevelNamesMapping()[each.upper()], "%s:%s", name, each)
    assert [json.loads(line)["msg"] for line in stream.getvalue().splitlines()] == logged


def test_setting_up_again_replaces_the_format() -> None:
    """A reload changes the format without a second copy of each line; standard error is where lines go by default."""
    first, second = StringIO(), StringIO()
    set_up("info", "json", first)
    set_up("info", "logfmt", second)
    logging.getLogger("exporter").info("once")
    assert first.getvalue() == ""
    assert second.getvalue().endswith("level=info msg=once\n")
    set_up("info", "json")
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream is sys.stderr


def test_the_journal_is_told_how_grave_a_line_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where systemd has connected the stream to its journal, and only there, a line begins with its priority."""
    with (tmp_path / "journal").open("w+") as stream:
        for is_journal in (True, False):
            number = os.fstat(stream.fileno()).st_ino + (not is_journal)
            monkeypatch.setenv("JOURNAL_STREAM", f"{os.fstat(stream.fileno()).st_dev}:{number}")
            set_up("debug", "logfmt", stream)
            for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
                logging.getLogger("exporter.x").log(level, "logged")
        logging.getLogger().handlers[0].flush()
        stream.seek(0)
        begins = [line.partition("ts=")[0] for line in stream]
    assert begins == ["<7>", "<6>", "<4>", "<3>", "", "", "", ""]


def _emptied(reader: int) -> list[bytes]:
    """Read a pipe until it is closed; return its lines."""
    with os.fdopen(reader, "rb") as pipe:
        return pipe.read().splitlines()


def test_a_log_that_nobody_reads_holds_nothing_up() -> None:
    """Lines into a full pipe are dropped and counted, each whole; those that waited are written once somebody reads."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w", encoding="utf-8") as stream:
        set_up("info", "logfmt", stream)
        for number in range(1_000):
            get_logger("exporter.part").info("said", number=number, filler="x" * 1_000)
        dropped = dropped_lines()
        assert 500 < dropped < 1_000
        read: list[bytes] = []
        thread = threading.Thread(target=lambda: read.extend(_emptied(reader)))
        thread.start()
        logging.getLogger().handlers[0].flush()
    thread.join()
    numbers = [int(line.partition(b"number=")[2].split()[0]) for line in read]
    assert numbers == sorted(set(numbers))
    assert (numbers[:200], len(numbers)) == (list(range(200)), 1_000 - dropped)


def test_the_end_of_the_program_does_not_wait_for_a_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter's end waits for lines in vain for a moment only."""
    monkeypatch.setattr(logs, "FLUSH_SECONDS", 0.01)
    reader, writer = os.pipe()
    stream = os.fdopen(writer, "w", encoding="utf-8")
    set_up("info", "logfmt", stream)
    get_logger("exporter.part").info("x" * 100_000)
    handler = logging.getLogger().handlers[0]
    handler.flush()
    thread = threading.Thread(target=_emptied, args=(reader,))
    thread.start()
    monkeypatch.setattr(logs, "FLUSH_SECONDS", 20)
    handler.flush()
    stream.close()
    thread.join()


def test_lines_that_cannot_be_written_are_counted() -> None:
    """A full disk, or a reader that has gone, is no fault of who logs."""
    with Path("/dev/full").open("w", encoding="utf-8") as stream:
        set_up("info", "json", stream)
        get_logger("exporter.part").info("one")
        get_logger("exporter.part").info("two")
        logging.getLogger().handlers[0].flush()
        assert dropped_lines() == 2


def test_without_standard_error_there_is_no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Started with standard error closed, logging does nothing, and drops nothing."""
    monkeypatch.setattr(sys, "stderr", None)
    set_up("info", "json")
    get_logger("exporter.part").info("one")
    assert dropped_lines() == 0


def test_a_reload_goes_on_with_the_same_thread() -> None:
    """Setting up again for the same file keeps what waits and what was dropped, and no line overtakes another."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w", encoding="utf-8") as stream:
        set_up("info", "json", stream)
        get_logger("exporter.part").info("x" * 100_000)
        set_up("info", "logfmt", stream)
        get_logger("exporter.part").info("later")
        thread = threading.Thread(target=lambda: read.extend(_emptied(reader)))
        read: list[bytes] = []
        thread.start()
        logging.getLogger().handlers[0].flush()
    thread.join()
    assert [line[:1] for line in read] == [b"{", b"t"]
