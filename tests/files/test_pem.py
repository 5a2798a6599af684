"""PEM as people keep it."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from exporter.files.pem import find_blocks, in_a_file

NOTES = [
    "# 公司内部根证书\n".encode(),
    "# 公司内部根证书\n".encode("gbk"),
    "# 公司内部根证书\r\n".encode("utf-16"),
    b"\xef\xbb\xbf",
    b"Bag Attributes\n    friendlyName: \xe9\xff\x00\n",
    b"paste it after -----BEGIN CERTIFICATE----- as it is\n",
]
ONE, TWO = (trustme.CA().cert_pem.bytes() for _ in range(2))


@pytest.mark.parametrize("note", NOTES, ids=range(len(NOTES)))
def test_notes_around_blocks_are_left_out(note: bytes) -> None:
    """What stands before, between and after the blocks, in whatever encoding, is no part of them."""
    assert find_blocks(note + ONE + note + TWO + note, "CERTIFICATE").replace(b"\n\n", b"\n") == ONE + TWO


def test_only_the_kind_that_is_asked_for_is_found() -> None:
    """Certificates and keys in one file are told apart; a kind that is not there is nothing."""
    issued = trustme.CA().issue_cert("a.example")
    content = issued.private_key_and_cert_chain_pem.bytes()
    assert find_blocks(content, "PRIVATE KEY") == issued.private_key_pem.bytes()
    assert find_blocks(content, "CERTIFICATE").count(b"BEGIN CERTIFICATE") == 1
    for odd in (b"", b"-----BEGIN CERTIFICATE-----", ONE.replace(b"-----END", b"----END")):
        assert find_blocks(odd, "CERTIFICATE") == b""
    assert find_blocks(ONE.replace(b"CERTIFICATE", b"CERTIFICATE REQUEST"), "CERTIFICATE") == b""


def test_a_content_is_a_file_while_it_is_needed() -> None:
    """OpenSSL reads keys by name only; the name is gone afterwards."""
    with in_a_file(b"content") as name:
        assert Path(name).read_bytes() == b"content"
    assert not Path(name).exists()
