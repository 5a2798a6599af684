import base64
import json
import os
import re
from pathlib import Path

import pytest

from exporter.api.tokens import Token, TokenError


def _jwt(claims: object) -> str:
    """Build a JWT around claims; a text stands for a payload as it is."""
    payload = claims if isinstance(claims, str) else json.dumps(claims)
    parts = (json.dumps({"alg": "RS256", "typ": "JWT"}).encode(), payload.encode(), b"signature")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


@pytest.mark.parametrize(
    ("value", "expiry"),
    [
        (_jwt({"iat": 1, "nbf": 1, "exp": 1790000000, "sub": "u"}), 1790000000),
        (_jwt({"exp": 1790000000.5}), 1790000000.5),
        (_jwt({"exp": "1790000000"}), 1790000000),
        (_jwt({"exp": 1790000000, "name": "老客户" * 5}), 1790000000),
        (_jwt({"sub": "u"}), None),
        (_jwt({"exp": None}), None),
        (_jwt({"exp": True}), None),
        (_jwt({"exp": "soon"}), None),
        (_jwt({"exp": [1]}), None),
        (_jwt('{"exp": NaN}'), None),
        (_jwt('{"exp": 1e999}'), None),
        (_jwt(f'{{"exp": {"9" * 5000}}}'), None),
        (_jwt("[" * 100000), None),
        (_jwt([]), None),
        (_jwt("exp"), None),
        ("header." + "é" + ".signature", None),
        ("header.a.signature", None),
        ("header.\udc80.signature", None),
        ("header.gICA.signature", None),
        ("two.parts", None),
        ("a.b.c.d", None),
        ("opaque", None),
        ("", None),
    ],
    ids=lambda value: str(value)[:12],
)
def test_expiry_is_the_exp_claim_of_a_jwt_and_else_unknown(value: str, expiry: float | None) -> None:
    """A JWT has its expiry in it; an opaque or a broken token, or a claim that is no number, gives none."""
    assert Token(value).expiry() == expiry


@pytest.mark.parametrize(
    "content",
    [b"secret-1", b"secret-1\n", b" secret-1\r\n", b"\xef\xbb\xbfsecret-1\n"],
    ids=["bare", "line end", "Windows line end", "byte order mark"],
)
def test_what_editors_leave_around_a_token_is_no_part_of_it(tmp_path: Path, content: bytes) -> None:
    """Blanks, line ends and a byte order mark around the token are dropped."""
    file = tmp_path / "token"
    file.write_bytes(content)
    assert Token.from_file(file).value == "secret-1"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty"),
        (b" \n\t", "is empty"),
        (b"secret-1 secret-2", "one token of printable ASCII"),
        (b"secret-1\nsecret-2", "one token of printable ASCII"),
        (b'"secret-1"', "has quotation marks; it must hold the token alone"),
        (b"TOKEN=secret-1\n", "is written as NAME=TOKEN; it must hold the token alone"),
        (b"A='secret-1'\nB=2", "has quotation marks"),
        (b"Bearer secret-1", "is written as in a header; it must hold the token alone"),
        (b"secret\x00", "one token of printable ASCII"),
        (b"secret\x7f", "one token of printable ASCII"),
        ("secret-密".encode(), "one token of printable ASCII"),
        (b"\xff\xfesecret", "one token of printable ASCII"),
        (b"secret" + b"x" * 65531, "is too large; expected at most 64 KiB"),
    ],
)
def test_a_content_that_is_no_token_is_refused_without_showing_it(tmp_path: Path, content: bytes, fault: str) -> None:
    """The message names the file and the fault, never the content; a token read before stays in force."""
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(TokenError, match=fault) as caught:
        Token.from_file(file)
    assert str(file) in str(caught.value)
    assert "secret" not in str(caught.value)
    file.write_bytes(b"secret-0")
    token = Token.from_file(file)
    file.write_bytes(content + b" ")
    with pytest.raises(TokenError, match=fault):
        token.refresh()
    assert token.value == "secret-0"


def test_a_file_that_cannot_be_read_keeps_the_old_token(tmp_path: Path) -> None:
    """A file that goes leaves the token in force; once it is back it is read again."""
    file = tmp_path / "token"
    with pytest.raises(TokenError, match=rf"cannot read token file {file}: No such file"):
        Token.from_file(file)
    file.write_text("secret-1")
    token = Token.from_file(file)
    file.unlink()
    with pytest.raises(TokenError, match="No such file"):
        token.refresh()
    assert token.value == "secret-1"
    file.mkdir()
    with pytest.raises(TokenError, match="Is a directory"):
        token.refresh()
    file.rmdir()
    file.write_text("secret-2")
    assert token.refresh()
    assert token.value == "secret-2"


def test_the_largest_token_is_read_whole(tmp_path: Path) -> None:
    """A token of 64 KiB is taken as it is."""
    file = tmp_path / "token"
    file.write_text("x" * 65536)
    assert Token.from_file(file).value == "x" * 65536


@pytest.mark.parametrize(
    "given",
    [
        _jwt({"exp": 1}),
        _jwt({"exp": 1, "name": "x" * 300}),
        f"/run/{_jwt({'exp': 1})}",
        "0paque-secret",
        "0paque/secret+with/slashes==",
        "0paque" * 100,
    ],
    ids=["JWT", "long JWT", "JWT in a path", "opaque", "opaque with slashes", "longer than a name may be"],
)
def test_a_token_given_as_a_file_is_not_shown(given: str) -> None:
    """The message for a token given as token_file says so, without the token."""
    with pytest.raises(TokenError) as caught:
        Token.from_file(Path(given))
    assert re.fullmatch(
        r"is no file that can be read: (No such file or directory|File name too long); "
        r"expected a path; a token itself belongs to token or YUNFU_TOKEN",
        str(caught.value),
    )


@pytest.mark.parametrize("name", ["folder", "folder/token", "/nowhere/token"])
def test_what_can_only_be_a_path_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A file that is absolute, or that is there itself or whose folder is, is named when it cannot be read."""
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TokenError, match=rf"^cannot read token file {name}: "):
        Token.from_file(Path(name))


def test_refresh_tells_whether_the_token_is_another(tmp_path: Path) -> None:
    """A changed content takes effect; an untouched file, and a touched one with the same token, change nothing."""
    file = tmp_path / "token"
    file.write_text("secret-1")
    token = Token.from_file(file)
    assert not token.refresh()
    file.write_text("secret-1\n")
    assert not token.refresh()
    file.write_text("secret-22")
    assert token.refresh()
    assert token.value == "secret-22"
    assert not token.refresh()


def test_kubernetes_swap_of_a_mounted_secret_is_noticed(tmp_path: Path) -> None:
    """The kubelet swaps a link to the directory; a file of the same size and time behind it is still another."""
    for version, value in (("..2026_01", "secret-1"), ("..2026_02", "secret-2")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "token").write_text(value)
        os.utime(tmp_path / version / "token", (1, 1))
    (tmp_path / "..data").symlink_to("..2026_01")
    (tmp_path / "token").symlink_to("..data/token")
    token = Token.from_file(tmp_path / "token")
    assert token.value == "secret-1"
    (tmp_path / "..data_tmp").symlink_to("..2026_02")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    assert token.refresh()
    assert token.value == "secret-2"


def test_a_token_without_a_file_has_nothing_to_refresh() -> None:
    """A token given by value stays as it is."""
    token = Token("secret-1")
    assert not token.refresh(force=True)
    assert token.value == "secret-1"


def test_a_repr_shows_no_token(tmp_path: Path) -> None:
    """Neither the value nor a part of it is in the repr; the file's path is."""
    file = tmp_path / "token"
    file.write_text("secret-1")
    for text in (repr(Token.from_file(file)), str(Token.from_file(file)), repr(Token("secret-1"))):
        assert "secret" not in text
    assert "token" in repr(Token.from_file(file))
