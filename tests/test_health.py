"""The health check of the image: where the exporter listens. That it asks there is tested in the image."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from exporter.health import listening

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="the rows below are those of a little-endian machine")


def row(address: str, state: str = "0A", inode: int = 7) -> str:
    """Return a line of the kernel's table of sockets; 0A is a listening one."""
    return f"   0: {address} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 65532 0 {inode} 1 0 100 0\n"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Give a process file system with one process, which has the socket of number 7 and a file open."""
    (tmp_path / "net").mkdir()
    for number, target in {"1/fd/3": "socket:[7]", "1/fd/4": "/dev/null"}.items():
        path = tmp_path / number
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
    (tmp_path / "2").mkdir()  # another user's, or one that has just ended: no descriptors to read
    return tmp_path


@pytest.mark.parametrize(
    ("table", "address", "expected"),
    [
        ("tcp", "00000000:273A", ("127.0.0.1", 10042)),
        ("tcp", "0102000A:0050", ("10.0.2.1", 80)),
        ("tcp6", "00000000000000000000000000000000:273A", ("::1", 10042)),
        ("tcp6", "B80D0120000000000000000001000000:273A", ("2001:db8::1", 10042)),
    ],
)
def test_it_asks_where_the_exporter_listens(proc: Path, table: str, address: str, expected: tuple[str, int]) -> None:
    """An address is asked as it stands, and a wildcard at loopback, in IPv4 and IPv6."""
    (proc / "net" / table).write_text(HEADER + row(address), encoding="ascii")
    assert listening(proc) == {expected}


def test_it_asks_no_other_sockets(proc: Path) -> None:
    """Connections, and what is another process's, are not asked."""
    rows = row("0100007F:1111", state="01") + row("0100007F:2222", inode=8) + row("0100007F:273A")
    (proc / "net" / "tcp").write_text(HEADER + rows, encoding="ascii")
    assert listening(proc) == {("127.0.0.1", 10042)}
