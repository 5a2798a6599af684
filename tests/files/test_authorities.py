"""The authorities that an account trusts: the same certificates in each version of Python, and what a changed file does."""

from __future__ import annotations

import asyncio
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from exporter.files.authorities import Authorities, AuthoritiesError


class Chain(NamedTuple):
    """What a server shows, as PEM: its key with its chain; and what of it may stand in a CA file."""

    shown: bytes
    trusted: bytes


def old_style() -> Chain:
    """Return a private authority as old tools made them: no key identifiers, and constraints that are not critical."""
    now, names = datetime.now(UTC), {}
    keys = {each: ec.generate_private_key(ec.SECP256R1()) for each in ("ca", "server")}
    for each in keys:
        names[each] = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)])
    made = {}
    for each, key in keys.items():
        builder = (
            x509.CertificateBuilder(names["ca"], names[each], key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )
        extension: x509.ExtensionType = x509.BasicConstraints(ca=True, path_length=None)
        if each == "server":
            extension = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        certificate = builder.add_extension(extension, critical=False).sign(keys["ca"], hashes.SHA256())
        made[each] = certificate.public_bytes(serialization.Encoding.PEM)
    form = serialization.PrivateFormat.PKCS8
    pem = keys["server"].private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return Chain(pem + made["server"], made["ca"])


def chain(trusted: str) -> Chain:
    """Return a chain of a root, an intermediate authority and a server, of which one is trusted."""
    root = trustme.CA()
    intermediate = root.create_child_ca()
    issued = intermediate.issue_cert("localhost")
    certificates = {"root": root.cert_pem, "intermediate": intermediate.cert_pem, "server": issued.cert_chain_pems[0]}
    return Chain(issued.private_key_and_cert_chain_pem.bytes(), certificates[trusted].bytes())


async def connects(authorities: Authorities, shown: bytes, directory: Path, name: str = "localhost") -> bool:
    """Return whether a server with this key and chain is trusted."""
    (directory / "shown.pem").write_bytes(shown)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(directory / "shown.pem")
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=tls) as server:
        port = server.sockets[0].getsockname()[1]
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=authorities.context, server_hostname=name)
        except ssl.SSLError:
            return False
        writer.close()
        return True


@pytest.fixture(params=["as it is", "as strict as 3.13", "as lax as 3.12"])
def python(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Python's defaults be those of each version: since 3.13 strict, and with partial chains."""
    make, version = ssl.create_default_context, request.param
    flags = ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT

    def default(cafile: str | None = None) -> ssl.SSLContext:
        context = make(cafile=cafile)
        if version != "as it is":
            strict = version == "as strict as 3.13"
            context.verify_flags = context.verify_flags | flags if strict else context.verify_flags & ~flags
        return context

    monkeypatch.setattr(ssl, "create_default_context", default)


@pytest.mark.usefixtures("python")
@pytest.mark.parametrize("kind", ["old style", "root", "intermediate", "server"])
async def test_the_same_certificates_are_accepted_by_each_version_of_python(kind: str, tmp_path: Path) -> None:
    """An old authority, a root, an intermediate alone and the server's own certificate are trusted, and nobody else."""
    given, other = (old_style() if kind == "old style" else chain(kind) for _ in range(2))
    file = tmp_path / "ca.pem"
    file.write_bytes("# 公司内部根证书\n".encode("gbk") + given.trusted)
    authorities = Authorities(file)
    assert await connects(authorities, given.shown, tmp_path)
    assert not await connects(authorities, other.shown, tmp_path)
    assert not await connects(authorities, given.shown, tmp_path, name="other.example")


async def test_without_a_file_the_systems_authorities_are_trusted(tmp_path: Path) -> None:
    """They have a good number of certificates, which do not change, and a stranger's is not among them."""
    authorities = Authorities()
    assert not authorities.refresh(force=True)
    assert not await connects(authorities, chain("root").shown, tmp_path)


async def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """Another authority in the file is trusted from then on; the same one, written again, changes nothing."""
    one, two = chain("root"), chain("root")
    file = tmp_path / "ca.pem"
    file.write_bytes(one.trusted)
    authorities = Authorities(file)
    context = authorities.context
    file.write_bytes(one.trusted + b"\n# the same\n")
    assert (authorities.refresh(), authorities.refresh(force=True)) == (False, False)
    assert authorities.context is context
    file.write_bytes(two.trusted)
    assert authorities.refresh()
    assert await connects(authorities, two.shown, tmp_path)
    assert not await connects(authorities, one.shown, tmp_path)


def test_a_change_that_does_not_show_is_found_if_asked_for(tmp_path: Path) -> None:
    """A file changed in place, with the same size and time, is read again by force."""
    one = trustme.CA().cert_pem.bytes()
    two = trustme.CA().cert_pem.bytes()
    size = max(len(one), len(two))
    file = tmp_path / "ca.pem"
    for content, forced in ((one, None), (two, False), (two, True)):
        file.write_bytes(content.ljust(size, b"\n"))
        os.utime(file, (1, 1))
        if forced is None:
            authorities = Authorities(file)
        else:
            assert authorities.refresh(force=forced) is forced


DAMAGED = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (b"", "no certificate in it"),
        (b"no certificate", "no certificate in it"),
        (DAMAGED, "a certificate in it is damaged"),
    ],
)
def test_a_broken_file_leaves_the_previous_certificates_in_use(
    content: bytes | None, reason: str, tmp_path: Path
) -> None:
    """What is wrong is said, at the first reading and at a later one, which changes nothing; a good file mends it."""
    file = tmp_path / "ca.pem"
    good = trustme.CA().cert_pem.bytes()
    file.write_bytes(good)
    authorities = Authorities(file)
    context = authorities.context
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    message = f"^cannot be used: {reason}; expected a file of PEM certificates$"
    with pytest.raises(AuthoritiesError, match=message):
        Authorities(file)
    for _ in range(2):
        with pytest.raises(AuthoritiesError, match=message):
            authorities.refresh()
    assert authorities.context is context
    file.write_bytes(trustme.CA().cert_pem.bytes())
    assert authorities.refresh()
