"""TLS of the main port, over real TLS on loopback: versions, certificates, and who is let in by them."""

from __future__ import annotations

import ssl

import pytest
import trustme

from tests.support.access import SERVER, VERIFY, SecuredPort


async def test_tls(port: SecuredPort) -> None:
    """With a certificate the port speaks TLS 1.2 and 1.3 to those who trust it, and no plain HTTP."""
    async with port.open(tls_server_config=SERVER) as it:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            client = it.client()
            client.minimum_version = client.maximum_version = version
            assert (await it.get(client)).text == "in"
        assert await it.is_refused(ssl.create_default_context())
        with pytest.raises(ConnectionError):
            await it.get()
        assert it.refused["tls"] >= 1


async def test_versions_ciphers_and_curves(port: SecuredPort) -> None:
    """A client with none of what is configured gets no connection, one with it does."""
    tls = {
        **SERVER,
        "max_version": "TLS12",
        "cipher_suites": ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"],
        "curve_preferences": ["CurveP384"],
    }
    async with port.open(tls_server_config=tls) as it:
        assert (await it.get(it.client())).text == "in"
        newer, other, curve = it.client(), it.client(), it.client()
        newer.minimum_version = ssl.TLSVersion.TLSv1_3
        other.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        curve.set_ecdh_curve("prime256v1")
        assert [await it.is_refused(client) for client in (newer, other, curve)] == [True] * 3


async def test_client_certificates(port: SecuredPort) -> None:
    """RequireAndVerifyClientCert lets in certificates of the authority alone."""
    async with port.open(tls_server_config=VERIFY) as it:
        assert (await it.get(it.client("prometheus.example"))).text == "in"
        assert await it.is_refused(it.client())
        assert await it.is_refused(it.client("prometheus.example", of=trustme.CA()))


async def test_whatever_is_listed_is_an_authority(port: SecuredPort) -> None:
    """As in Go, an authority below another may be listed alone, and then only its own certificates are let in."""
    below = port.authority.create_child_ca()
    below.cert_pem.write_to_path(port.directory / "below.crt")
    async with port.open(tls_server_config={**VERIFY, "client_ca_file": "below.crt"}) as it:
        assert (await it.get(it.client("a.example", of=below))).text == "in"
        assert await it.is_refused(it.client("a.example"))


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
async def test_notes_in_certificates_and_keys(encoding: str, port: SecuredPort) -> None:
    """Text around the blocks is passed over, whatever its encoding."""
    note = "# 公司内部根证书\n".encode(encoding)
    for name in ("ca.crt", "server.crt", "server.key"):
        file = port.directory / name
        file.write_bytes(note + file.read_bytes() + note)
    async with port.open(tls_server_config=VERIFY) as it:
        assert (await it.get(it.client("a.example"))).text == "in"


@pytest.mark.parametrize("kind", ["NoClientCert", "RequestClientCert"])
async def test_no_client_certificate_is_looked_at(kind: str, port: SecuredPort) -> None:
    """Without verification everybody is let in, whatever certificate he has."""
    async with port.open(tls_server_config={**SERVER, "client_auth_type": kind}) as it:
        assert (await it.get(it.client())).text == "in"
        assert (await it.get(it.client("a.example", of=trustme.CA()))).text == "in"


async def test_a_client_certificate_if_there_is_one(port: SecuredPort) -> None:
    """VerifyClientCertIfGiven lets in those without a certificate, and no wrong one."""
    async with port.open(tls_server_config={**VERIFY, "client_auth_type": "VerifyClientCertIfGiven"}) as it:
        assert (await it.get(it.client())).text == "in"
        assert (await it.get(it.client("a.example"))).text == "in"
        assert await it.is_refused(it.client("a.example", of=trustme.CA()))


@pytest.mark.parametrize("name", ["prometheus.example", "10.1.2.3", "2001:db8::1", "ops@example.org"])
async def test_allowed_names(name: str, port: SecuredPort) -> None:
    """With client_allowed_sans a certificate of the authority must have one of the names: DNS, IP or e-mail, exactly."""
    async with port.open(tls_server_config={**VERIFY, "client_allowed_sans": ["other.example", name]}) as it:
        assert (await it.get(it.client("more.example", name))).text == "in"
        assert await it.is_refused(it.client("more.example", "10.1.2.4"))
        assert it.refused == {"tls": 1}
