"""Passwords: right and wrong ones, how long a check may take, and how many may wait."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import bcrypt
import pytest

from exporter.web import passwords as module
from exporter.web.passwords import BusyError, Passwords, read_basic
from tests.support.clock import until

HASH = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
HASHES = {b"alice": HASH, "客服".encode(): HASH}


def basic(credentials: bytes) -> str:
    """Write an Authorization header."""
    return f"Basic {base64.b64encode(credentials).decode()}"


@pytest.mark.parametrize(
    ("header", "credentials"),
    [
        (basic(b"alice:right"), (b"alice", b"right")),
        (basic(b"alice:right").replace("Basic", "bAsIC"), (b"alice", b"right")),
        (basic(b"alice:with:colon"), (b"alice", b"with:colon")),
        (basic(b":"), (b"", b"")),
        (basic("客服:密码".encode()), ("客服".encode(), "密码".encode())),
        (basic(b"alice"), None),
        ("", None),
        ("Basic", None),
        ("Basic ", None),
        ("Basic !!!", None),
        ("Basic \xe9\xe9\xe9\xe9", None),
        ("Basic YWxpY2U6cmlnaHQ", None),  # not padded
        ("Bearer YWxpY2U6cmlnaHQ=", None),
    ],
)
def test_reads_basic_auth(header: str, credentials: tuple[bytes, bytes] | None) -> None:
    """An Authorization header of basic auth gives name and password as bytes; anything else nothing."""
    assert read_basic(header) == credentials


@asynccontextmanager
async def checking() -> AsyncIterator[Passwords]:
    """Give passwords, and end their thread."""
    passwords = Passwords()
    try:
        yield passwords
    finally:
        passwords.close()


class Bcrypt:
    """Counts checks, and holds them until a test lets go."""

    def __init__(self, *, held: bool = False) -> None:
        self.checks: list[tuple[bytes, bytes]] = []
        self.at_once = self.most_at_once = 0
        self.let_go = threading.Event()
        if not held:
            self.let_go.set()

    def checkpw(self, password: bytes, against: bytes) -> bool:
        """Check a password."""
        self.checks.append((password, against))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.let_go.wait(10)
        self.at_once -= 1
        return bcrypt.checkpw(password, against)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Bcrypt]:
    """Give a way to count the checks of bcrypt from now on."""

    def install(**options: Any) -> Bcrypt:
        stand_in = Bcrypt(**options)
        monkeypatch.setattr(module, "bcrypt", stand_in)
        return stand_in

    return install


@pytest.mark.parametrize(
    ("credentials", "right"),
    [
        ((b"alice", b"right"), True),
        (("客服".encode(), b"right"), True),
        ((b"alice", b"wrong"), False),
        ((b"alice", b""), False),
        ((b"alice", b"right\0"), False),
        ((b"Alice", b"right"), False),
        ((b"nobody", b"right"), False),
        ((b"nobody", b"fakepassword"), False),
        ((b"", b""), False),
        ((b"alice", b"x" * 100_000), False),
    ],
)
async def test_right_and_wrong(credentials: tuple[bytes, bytes], right: bool) -> None:  # noqa: FBT001
    """Only a user with his password is let in; asked again, the answer is the same."""
    async with checking() as passwords:
        assert [await passwords.is_right(credentials, HASHES, "192.0.2.1") for _ in range(3)] == [right] * 3


async def test_checks_go_on_where_no_thread_may_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a sandbox that forbids to change priorities, the right password still opens and a wrong one does not."""

    def forbidden(_: int) -> int:
        raise PermissionError

    monkeypatch.setattr("exporter.web.passwords.os.nice", forbidden)
    async with checking() as passwords:
        assert await passwords.is_right((b"alice", b"right"), HASHES, "192.0.2.1")
        assert not await passwords.is_right((b"alice", b"wrong"), HASHES, "192.0.2.1")


async def test_a_long_password_counts_as_in_go() -> None:
    """Bcrypt looks at 72 bytes; what follows them does not matter."""
    hashes = {b"alice": bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()}
    async with checking() as passwords:
        assert await passwords.is_right((b"alice", b"x" * 90), hashes, "192.0.2.1")
        assert not await passwords.is_right((b"alice", b"x" * 71), hashes, "192.0.2.1")


async def test_each_question_is_checked_once(counted: Callable[..., Bcrypt]) -> None:
    """Right or wrong, known or not: the same question costs one check; another hash of the user asks anew."""
    stand_in = counted()
    async with checking() as passwords:
        for credentials in ((b"alice", b"right"), (b"alice", b"wrong"), (b"nobody", b"right")):
            for _ in range(5):
                await passwords.is_right(credentials, HASHES, "192.0.2.1")
        assert len(stand_in.checks) == 3
        other = {b"alice": bcrypt.hashpw(b"changed", bcrypt.gensalt(4)).decode()}
        assert not await passwords.is_right((b"alice", b"right"), other, "192.0.2.1")
        assert not await passwords.is_right((b"alice", b"right"), {}, "192.0.2.1")
        assert len(stand_in.checks) == 5


@pytest.mark.parametrize("user", [b"nobody", b"alice", b"bob", b"carol"])
async def test_a_check_costs_as_much_for_any_user(user: bytes, counted: Callable[..., Bcrypt]) -> None:
    """Whatever the costs of the configured hashes, the work of a wrong password is that of the highest one, known user or not."""
    stand_in = counted()
    costs = {b"alice": 4, b"bob": 7, b"carol": 6}
    hashes = {name: bcrypt.hashpw(b"x", bcrypt.gensalt(cost)).decode() for name, cost in costs.items()}
    async with checking() as passwords:
        assert not await passwords.is_right((user, b"wrong"), hashes, "192.0.2.1")
    assert sum(2 ** int(against.split(b"$")[2]) for _, against in stand_in.checks) == 2**7


async def test_nobody_comes_in_by_the_hash_of_nobody() -> None:
    """The password of exporter-toolkit's well-known fake hash opens nothing, at the cost that it was made with."""
    costly = {b"alice": bcrypt.hashpw(b"right", bcrypt.gensalt(10)).decode()}
    assert bcrypt.checkpw(b"fakepassword", module._hash_of_nobody(10).encode())
    async with checking() as passwords:
        assert not await passwords.is_right((b"nobody", b"fakepassword"), costly, "192.0.2.1")


async def test_one_check_at_a_time_and_few_wait(counted: Callable[..., Bcrypt]) -> None:
    """A flood of guesses is checked one by one, so many of a network wait, the others are told to come again; the loop turns."""
    stand_in = counted(held=True)
    async with checking() as passwords:
        asked = [
            asyncio.create_task(passwords.is_right((b"alice", b"%d" % n), HASHES, "192.0.2.1")) for n in range(1000)
        ]
        await asyncio.sleep(0)
        busy = [task for task in asked if task.done() and isinstance(task.exception(), BusyError)]
        assert len(busy) == 1000 - 65  # one is under way
        stand_in.let_go.set()
        assert [await task for task in asked if task not in busy] == [False] * 65
        assert (stand_in.most_at_once, len(stand_in.checks)) == (1, 65)
        assert await passwords.is_right((b"alice", b"right"), HASHES, "192.0.2.1")
        assert not passwords._checks


@pytest.mark.parametrize(
    ("guessers", "client", "most"),
    [
        (["192.0.2.1"] * 40, "198.51.100.1", 1),
        (["192.0.2.1"] * 40, "192.0.2.1", 40),
        ([f"192.0.2.{number % 16}" for number in range(200)], "198.51.100.1", 1),
        ([f"2001:db8::{number:x}" for number in range(60)], "2001:db8:0:1::1", 1),
        ([f"192.0.2.{number % 16}" for number in range(200)], "192.0.2.3", 16 * 14),
    ],
    ids=["another address", "the same address", "many addresses", "another IPv6 network", "one of many addresses"],
)
async def test_a_right_password_gets_in_among_guesses(
    guessers: list[str], client: str, most: int, counted: Callable[..., Bcrypt]
) -> None:
    """A password that was never seen is checked in its network's turn, at once if that has not failed, and is not refused for others' guesses."""
    stand_in = counted()
    right = (b"alice", b"right")
    async with checking() as passwords:

        async def guess(number: int, address: str) -> None:
            attempt = 0
            while True:
                attempt += 1
                with suppress(BusyError):
                    await passwords.is_right((b"alice", b"%d %d" % (number, attempt)), HASHES, address)
                await asyncio.sleep(0)

        guessing = [asyncio.create_task(guess(*each)) for each in enumerate(guessers)]
        await until(lambda: len(stand_in.checks) >= 2 * len(guessers))
        before = len(stand_in.checks)
        async with asyncio.timeout(10):
            assert await passwords.is_right(right, HASHES, client)
        assert [asked for asked, _ in stand_in.checks].index(b"right") - before <= most
        for each in guessing:
            each.cancel()
        await asyncio.wait(guessing)


async def test_who_has_gone_gives_way(counted: Callable[..., Bcrypt]) -> None:
    """The checks of clients that went away keep their places, for these may ask again, until others of the network need them."""
    stand_in = counted(held=True)
    async with checking() as passwords:

        def ask(password: bytes) -> asyncio.Task[bool]:
            return asyncio.create_task(passwords.is_right((b"alice", password), HASHES, "192.0.2.1"))

        gone = [ask(b"right"), *(ask(b"gone %d" % n) for n in range(64))]
        await asyncio.sleep(0)
        for each in gone:
            each.cancel()
        await asyncio.wait(gone)
        guesses = [ask(b"%d" % n) for n in range(60)]
        again = [ask(b"right"), ask(b"gone 63")]
        await asyncio.sleep(0)
        stand_in.let_go.set()
        assert await asyncio.gather(*guesses, *again) == [False] * 60 + [True, False]
    asked = [password for password, _ in stand_in.checks]
    assert asked[:2] == [b"right", b"gone 60"]
    assert len(asked) == 1 + 64


async def test_a_check_that_breaks_off_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in a check is that of who asked, and the next one is checked."""
    async with checking() as passwords:
        with monkeypatch.context() as broken:
            broken.setattr(module, "bcrypt", None)
            with pytest.raises(AttributeError):
                await passwords.is_right((b"alice", b"right"), HASHES, "192.0.2.1")
        assert await passwords.is_right((b"alice", b"right"), HASHES, "192.0.2.1")


async def test_who_is_known_does_not_wait_behind_guesses(counted: Callable[..., Bcrypt]) -> None:
    """Credentials that were right before are let in at once while guesses fill the queue."""
    async with checking() as passwords:
        assert await passwords.is_right((b"alice", b"right"), HASHES, "192.0.2.1")
        counted(held=True).let_go.clear()
        guesses = [
            asyncio.create_task(passwords.is_right((b"alice", b"%d" % n), HASHES, "192.0.2.1")) for n in range(16)
        ]
        await asyncio.sleep(0)
        async with asyncio.timeout(1):
            assert await passwords.is_right((b"alice", b"right"), HASHES, "192.0.2.1")
        module.bcrypt.let_go.set()  # type: ignore[attr-defined]  # the stand-in's
        await asyncio.gather(*guesses)


async def test_the_same_question_at_once_is_one_check(counted: Callable[..., Bcrypt]) -> None:
    """Two that ask the same at the same time share a check; one that goes away leaves it to the other, and its place taken."""
    stand_in = counted(held=True)
    async with checking() as passwords:
        first, second = [
            asyncio.create_task(passwords.is_right((b"alice", b"right"), HASHES, "192.0.2.1")) for _ in range(2)
        ]
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        assert len(passwords._checks) == 1
        stand_in.let_go.set()
        assert await second
    assert len(stand_in.checks) == 1


async def test_guesses_push_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many guesses are made, memory stays bounded and right credentials stay remembered."""
    monkeypatch.setattr(module, "_MOST_REMEMBERED", 8)
    async with checking() as passwords:
        assert await passwords.is_right((b"alice", b"right"), HASHES, "192.0.2.1")
        for guess in range(50):
            assert not await passwords.is_right((b"alice", b"%d" % guess), HASHES, "192.0.2.1")
        assert {answer: len(kept) for answer, kept in passwords._answers.items()} == {True: 1, False: 8}
        assert "right" not in repr(vars(passwords))
