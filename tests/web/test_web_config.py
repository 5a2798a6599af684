"""The web configuration file: what is read, what is refused and how, and what exporter-toolkit documents."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from exporter.config.faults import SettingsError
from exporter.web.access import check_web_config
from exporter.web.tls import make_tls
from exporter.web.web_config import WebConfig, read_web_config

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
"""The hash that exporter-toolkit's documentation shows."""

SAMPLE = """\
# TLS and basic authentication configuration example.
#
# Additionally, a certificate and a key file are needed.
tls_server_config:
  cert_file: server.crt
  key_file: server.key

# Usernames and passwords required to connect.
basic_auth_users:
  alice: $2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze
  bob: $2y$10$hLqFl9jSjoAAy95Z/zw8Ye8wkdMBM8c5Bn1ptYqP/AXyV0.oy0S8m

# Rate limiting requests on the endpoint using a token bucket
rate_limit:
  interval: "1s" # time interval between two requests, set to 0 to disable rate limiter
  burst: 20 # and permits a burst of up to 20 requests.
"""
"""The sample of exporter-toolkit's documentation, docs/web-config.yml."""

TLS = {"cert_file": "server.crt", "key_file": "server.key"}
ALL_CIPHERS = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
]
VERIFY = {**TLS, "client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "ca.crt"}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Give a directory with a certificate, its key, another's key, and an authority."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    for name in ("server", "other"):
        issued = authority.issue_cert("localhost")
        issued.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.crt")
        issued.private_key_pem.write_to_path(tmp_path / f"{name}.key")
    (tmp_path / "junk.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (tmp_path / "encrypted.key").write_bytes(encrypted(tmp_path / "server.key"))
    return tmp_path


def encrypted(key: Path) -> bytes:
    """Return a key with a password around it."""
    from cryptography.hazmat.primitives import serialization as pem  # noqa: PLC0415  # comes with trustme

    loaded = pem.load_pem_private_key(key.read_bytes(), None)
    return loaded.private_bytes(
        pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.BestAvailableEncryption(b"planted-passphrase")
    )


def read(directory: Path, content: Any) -> WebConfig:
    """Read a file with this content, and what it names."""
    path = directory / "web.yml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    check_web_config(path)
    return read_web_config(path)


def faults(directory: Path, content: Any) -> list[str]:
    """Return the faults of a file, without its name, which each of them begins with."""
    with pytest.raises(SettingsError) as raised:
        read(directory, content)
    start = f"{directory / 'web.yml'}: "
    assert all(fault.startswith(start) for fault in raised.value.faults)
    return [fault.removeprefix(start) for fault in raised.value.faults]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "# nothing\n",
        SAMPLE,
        {"tls_server_config": TLS},
        {"tls_server_config": VERIFY},
        {"tls_server_config": {**VERIFY, "client_allowed_sans": ["one", "127.0.0.1", "2001:db8::1"]}},
        {"tls_server_config": {**VERIFY, "client_auth_type": "VerifyClientCertIfGiven"}},
        {"tls_server_config": {**TLS, "client_auth_type": "VerifyClientCertIfGiven"}},
        {"tls_server_config": {**TLS, "client_auth_type": "RequestClientCert"}},
        {"tls_server_config": {**TLS, "client_auth_type": "NoClientCert"}},
        {"tls_server_config": {**TLS, "client_auth_type": ""}},
        {"tls_server_config": {**TLS, "cipher_suites": ALL_CIPHERS}},
        {"tls_server_config": {**TLS, "cipher_suites": ALL_CIPHERS[3:4], "max_version": "TLS12"},
         "http_server_config": {"http2": False}},
        {"tls_server_config": {**TLS, "cipher_suites": ALL_CIPHERS[6:8]}},
        {"tls_server_config": {**TLS, "prefer_server_cipher_suites": False, "min_version": "TLS12"}},
        {"tls_server_config": {**TLS, "curve_preferences": ["CurveP521"], "min_version": "TLS13"}},
        {"tls_server_config": {**TLS, "cert": "", "key": ""}},
        {"http_server_config": {"http2": True, "headers": {
            "X-Frame-Options": "deny", "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
            "X-Content-Type-Options": "nosniff", "X-XSS-Protection": 1,
            "Content-Security-Policy": "default-src 'self' *.test.example.net"}}},
        {"http_server_config": {"headers": {"X-Frame-Options": "", "Content-Security-Policy": ""}}},
        {"basic_auth_users": {"alice": HASH, "bob": HASH.replace("$2y$10", "$2b$18"), "客服": HASH.replace("2y", "2a")}},
        {"rate_limit": {"interval": 0, "burst": 0}},
        {"rate_limit": {"interval": "100ms", "burst": 1}},
    ],
)  # fmt: skip
def test_good_files(content: Any, directory: Path) -> None:
    """What exporter-toolkit documents and tests as good is read, relative to the file."""
    assert isinstance(read(directory, content), WebConfig)


def test_certificates_in_the_file_itself(directory: Path) -> None:
    """Certificate, key and authorities may be given as text."""
    inline = {
        "cert": (directory / "server.crt").read_text(),
        "key": (directory / "server.key").read_text(),
        "client_ca": (directory / "ca.crt").read_text(),
        "client_auth_type": "RequireAndVerifyClientCert",
    }
    config = read(directory, {"tls_server_config": inline})
    assert config.tls_server_config is not None
    assert make_tls(config.tls_server_config).context.verify_mode == ssl.CERT_REQUIRED
    assert "PRIVATE" not in f"{config!r} {config.model_dump_json()}"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("hWkNKCp3fvIx3jKnsaBI", "is text; expected a mapping, like tls_server_config: {…}"),
        ("a: 1\na: 2", "line 2, column 1: the key 'a' is given twice; expected each once"),
        ({"tls_config": TLS}, "tls_config: unknown key; did you mean 'tls_server_config'?"),
        ({"basic_auth_user": {}}, "basic_auth_user: unknown key; did you mean 'basic_auth_users'?"),
        ({"tls_server_config": {**TLS, "cert_fil": "x"}},
         "tls_server_config.cert_fil: unknown key; did you mean 'tls_server_config.cert_file'?"),
        ({"tls_server_config": []}, "tls_server_config: is a list; expected a mapping"),
        ({"tls_server_config": {"cert_file": "server.crt"}},
         "tls_server_config.key_file: missing; expected key_file or key"),
        ({"tls_server_config": {"cert_file": "", "key_file": "server.key"}},
         "tls_server_config.cert_file: missing; expected cert_file or cert"),
        ({"tls_server_config": {**TLS, "cert": "x"}},
         "tls_server_config.cert_file: given beside cert; expected one of the two"),
        ({"tls_server_config": {**TLS, "client_auth_type": "x"}},
         ("tls_server_config.client_auth_type: 'x' is not known; expected 'NoClientCert', 'RequestClientCert', "
         "'VerifyClientCertIfGiven', 'RequireAndVerifyClientCert' or ''")),
        ({"tls_server_config": {**TLS, "client_auth_type": "RequireAnyClientCert"}},
         ("tls_server_config.client_auth_type: RequireAnyClientCert, a certificate of anybody, is nothing that "
         "Python's ssl can ask for; expected RequireAndVerifyClientCert with client_ca_file, or NoClientCert")),
        ({"tls_server_config": {**TLS, "client_ca_file": "ca.crt"}},
         ("tls_server_config.client_auth_type: 'NoClientCert' does not look at client_ca_file; expected "
         "RequireAndVerifyClientCert beside it")),
        ({"tls_server_config": {**TLS, "client_auth_type": "RequireAndVerifyClientCert"}},
         ("tls_server_config.client_auth_type: RequireAndVerifyClientCert alone would let in anybody with a certificate "
         "of a public authority; expected client_ca_file too")),
        ({"tls_server_config": {**TLS, "client_allowed_sans": ["a"]}},
         ("tls_server_config.client_allowed_sans: no certificate is asked for; expected client_auth_type: "
         "RequireAndVerifyClientCert beside it")),
        ({"tls_server_config": {**TLS, "min_version": "TLS111"}},
         "tls_server_config.min_version: 'TLS111' is not known; expected 'TLS12' or 'TLS13'"),
        ({"tls_server_config": {**TLS, "min_version": "TLS10"}},
         "tls_server_config.min_version: TLS10 is no longer supported by OpenSSL; expected 'TLS12' or 'TLS13'"),
        ({"tls_server_config": {**TLS, "min_version": "TLS13", "max_version": "TLS12"}},
         "tls_server_config.max_version: is below min_version; expected at least that"),
        ({"tls_server_config": {**TLS, "cipher_suites": "all"}},
         "tls_server_config.cipher_suites: is text; expected a list"),
        ({"tls_server_config": {**TLS, "cipher_suites": ["TLS_AES_128_GCM_SHA256"], "max_version": "TLS12"}},
         ("tls_server_config.cipher_suites: has none of TLS 1.2, and max_version is TLS12; expected one like "
         "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")),
        ({"tls_server_config": {**TLS, "curve_preferences": ["CurveP257"]}},
         ("tls_server_config.curve_preferences[0]: 'CurveP257' is not known; expected one of CurveP256, CurveP384, "
         "CurveP521, X25519")),
        ({"tls_server_config": {**TLS, "curve_preferences": ["CurveP256", "X25519"]}},
         ("tls_server_config.curve_preferences: Python's ssl accepts only one curve; expected one, or none for "
         "OpenSSL's choice")),
        ({"tls_server_config": {**TLS, "prefer_server_cipher_suites": "maybe"}},
         "tls_server_config.prefer_server_cipher_suites: 'maybe' is neither; expected true or false"),
        ({"http_server_config": {"headers": {"Content-Type": "foo"}}},
         ("http_server_config.headers.Content-Type: unknown key; did you mean "
         "'http_server_config.headers.X-Content-Type-Options'?")),
        ({"http_server_config": {"headers": {"X-Content-Type-Options": "sniff"}}},
         "http_server_config.headers.X-Content-Type-Options: 'sniff' is not known; expected 'nosniff' or ''"),
        ({"http_server_config": {"headers": {"X-Frame-Options": "foo"}}},
         "http_server_config.headers.X-Frame-Options: 'foo' is not known; expected 'deny', 'sameorigin' or ''"),
        ({"http_server_config": {"headers": {"Content-Security-Policy": "a\r\nSet-Cookie: b"}}},
         "http_server_config.headers.Content-Security-Policy: cannot be a header's value; expected text of one line in ASCII"),
        ({"http_server_config": {"http3": True}},
         "http_server_config.http3: unknown key; did you mean 'http_server_config.http2'?"),
        ({"basic_auth_users": {"john": "doe"}},
         "basic_auth_users.john: is not a bcrypt hash; expected like $2y$10$…, as 'htpasswd -nBC 10 USER' writes it"),
        ({"basic_auth_users": {"john": HASH[:-1]}},
         "basic_auth_users.john: is not a bcrypt hash; expected like $2y$10$…, as 'htpasswd -nBC 10 USER' writes it"),
        ({"basic_auth_users": {"john": HASH.replace("$10$", "$31$")}},
         "basic_auth_users.john: has the cost 31; expected from 4 to 18, such as 10"),
        ({"basic_auth_users": {"a:b": HASH}},
         "basic_auth_users.'a:b': has a colon, which basic auth cannot carry; expected a name without one"),
        ({"basic_auth_users": ["john"]}, "basic_auth_users: is a list; expected a mapping"),
        ({"rate_limit": {"interval": "1s", "burst": 0}},
         "rate_limit.burst: 0 would refuse every request; expected at least 1"),
        ({"rate_limit": {"interval": 1, "burst": 1}},
         "rate_limit.interval: '1' has no unit; expected a duration like 1s or 100ms, or 0 for no limit"),
        # what the files hold
        ({"tls_server_config": {**TLS, "cert_file": "some.crt"}},
         "tls_server_config.cert_file: cannot read DIR/some.crt: no such file or directory; expected PEM"),
        ({"tls_server_config": {**TLS, "key_file": "."}},
         "tls_server_config.key_file: cannot read DIR: is a directory; expected PEM"),
        ({"tls_server_config": {**TLS, "cert_file": "server.key"}},
         "tls_server_config.cert_file: there is no certificate in it; expected PEM, with -----BEGIN … CERTIFICATE-----"),
        ({"tls_server_config": {**TLS, "key_file": "server.crt"}},
         "tls_server_config.key_file: there is no private key in it; expected PEM, with -----BEGIN … PRIVATE KEY-----"),
        ({"tls_server_config": {**TLS, "key_file": "other.key"}},
         "tls_server_config.key_file: is not the key of the certificate; expected the one of it"),
        ({"tls_server_config": {**TLS, "key_file": "encrypted.key"}},
         "tls_server_config.key_file: is encrypted; expected a key without a password"),
        ({"tls_server_config": {**VERIFY, "client_ca_file": "nowhere"}},
         "tls_server_config.client_ca_file: cannot read DIR/nowhere: no such file or directory; expected PEM"),
    ],
)  # fmt: skip
def test_bad_files(content: Any, fault: str, directory: Path) -> None:
    """A fault is one line: the file, the key path, what is wrong, what is accepted."""
    assert faults(directory, content) == [fault.replace("DIR", str(directory))]


@pytest.mark.parametrize("broken", [{"cert_file": "junk.pem"}, {"client_ca_file": "junk.pem"}])
def test_a_damaged_certificate_is_named(broken: dict[str, str], directory: Path) -> None:
    """What only looks like a certificate is named by its key; OpenSSL's own word for it follows."""
    [fault] = faults(directory, {"tls_server_config": {**VERIFY, **broken}})
    assert fault.startswith(f"tls_server_config.{next(iter(broken))}")
    assert fault.endswith("expected PEM that OpenSSL can read")


def test_all_faults_at_once(directory: Path) -> None:
    """Every fault of the file is told in one go."""
    content = {"tls_server_config": {"cert_filse": "x"}, "basic_auth_users": {"a": "b"}, "x": 1}
    assert len(faults(directory, content)) == 5


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is a fault that names it."""
    with pytest.raises(SettingsError, match=r"web\.yml: no such file or directory; expected a YAML file"):
        check_web_config(tmp_path / "web.yml")


def test_what_goes_into_the_context(directory: Path) -> None:
    """Versions, ciphers, curve and verification reach OpenSSL; ciphers of TLS 1.3 alone mean TLS 1.3 alone."""

    def context(**more: Any) -> ssl.SSLContext:
        config = read(directory, {"tls_server_config": {**TLS, **more}})
        assert config.tls_server_config is not None
        return make_tls(config.tls_server_config).context

    plain = context()
    assert (plain.minimum_version, plain.maximum_version) == (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    assert plain.verify_mode == ssl.CERT_NONE
    assert plain.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    assert not context(prefer_server_cipher_suites=False).options & ssl.OP_CIPHER_SERVER_PREFERENCE
    chosen = context(cipher_suites=ALL_CIPHERS[2:4]).get_ciphers()
    old = [cipher["name"] for cipher in chosen if cipher["protocol"] != "TLSv1.3"]
    assert old == ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"]
    assert context(cipher_suites=["TLS_AES_128_GCM_SHA256"]).minimum_version == ssl.TLSVersion.TLSv1_3
    assert context(max_version="TLS12").maximum_version == ssl.TLSVersion.TLSv1_2
    optional = context(client_auth_type="VerifyClientCertIfGiven")
    assert optional.verify_mode == ssl.CERT_OPTIONAL
