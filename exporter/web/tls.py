"""TLS of the main port, from ``tls_server_config``: the certificate to show, and the certificates to ask for."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from exporter.config.faults import SettingsError
from exporter.files.pem import find_blocks, in_a_file
from exporter.files.reading import read_file
from exporter.web.connections import ServerTls
from exporter.web.web_config import TlsSettings

_VERSIONS: Final = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_ASKED: Final = {"VerifyClientCertIfGiven": ssl.CERT_OPTIONAL, "RequireAndVerifyClientCert": ssl.CERT_REQUIRED}
_SECTION: Final = "tls_server_config"


def make_tls(settings: TlsSettings) -> ServerTls:
    """Read the certificates and keys and return the TLS of new connections. Raises SettingsError, file by file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # as in Go, whatever is listed is an authority
    context.set_alpn_protocols(["http/1.1"])
    context.minimum_version = _VERSIONS[settings.min_version]
    context.maximum_version = _VERSIONS[settings.max_version]
    if settings.ciphers:
        context.set_ciphers(settings.ciphers)
    elif settings.cipher_suites:  # those of TLS 1.3 alone
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    if not settings.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if settings.curve is not None:
        context.set_ecdh_curve(settings.curve)
    _load_certificate(context, settings)
    context.verify_mode = _ASKED.get(settings.client_auth_type, ssl.CERT_NONE)
    if settings.client_ca or settings.client_ca_file:
        _load_authorities(context, settings)
    elif context.verify_mode != ssl.CERT_NONE:
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    allowed = settings.client_allowed_sans
    return ServerTls(context, partial(_is_allowed, None if allowed is None else frozenset(allowed)))


def _is_allowed(allowed: frozenset[str] | None, certificate: Mapping[str, Any]) -> bool:
    """Return whether one of the names in a certificate, as Python's ssl gives it, is allowed; None allows all."""
    names = {_written(kind, name) for kind, name in certificate.get("subjectAltName", ())}
    return allowed is None or not allowed.isdisjoint(names)


def _written(kind: str, name: str) -> str:
    """Format a name as Go does: OpenSSL does not shorten IPv6 addresses."""
    if kind == "IP Address":
        with suppress(ValueError):
            return str(ip_address(name))
    return name


def _load_certificate(context: ssl.SSLContext, settings: TlsSettings) -> None:
    certificate, certificate_key = _read(settings, "cert", "CERTIFICATE")
    key, key_key = _read(settings, "key", "PRIVATE KEY")
    asked_for_a_password = False

    def password() -> bytes:  # without it OpenSSL would ask at the terminal
        nonlocal asked_for_a_password
        asked_for_a_password = True
        return b""

    with in_a_file(certificate + key) as path:
        try:
            context.load_cert_chain(path, password=password)
        except (ssl.SSLError, ValueError) as error:
            if asked_for_a_password:
                fault = f"{key_key}: is encrypted; expected a key without a password"
            elif getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
                fault = f"{key_key}: is not the key of the certificate; expected the one of it"
            else:
                fault = f"{certificate_key}, {key_key}: {_unusable(error)}"
            raise SettingsError([fault]) from None


def _load_authorities(context: ssl.SSLContext, settings: TlsSettings) -> None:
    content, key = _read(settings, "client_ca", "CERTIFICATE")
    with in_a_file(content) as path:
        try:
            context.load_verify_locations(path)
        except ssl.SSLError as error:
            raise SettingsError([f"{key}: {_unusable(error)}"]) from None


def _unusable(error: Exception) -> str:
    reason = getattr(error, "reason", None) or "damaged"
    return f"cannot be used: {reason.lower().replace('_', ' ')}; expected PEM that OpenSSL can read"


def _read(settings: TlsSettings, name: str, what: str) -> tuple[bytes, str]:
    """Return the blocks of PEM that are given inline or by file, and the key they are given by. Raises SettingsError."""
    inline: SecretStr | None = getattr(settings, name)
    file: Path | None = getattr(settings, f"{name}_file")
    key = f"{_SECTION}.{name}"
    if inline is not None:
        content = inline.get_secret_value().encode()
    else:
        assert file is not None, "the settings demand one of the two"  # noqa: S101  # for mypy
        key += "_file"
        try:
            content = read_file(file)
        except OSError as error:
            raise SettingsError([f"{key}: cannot read {file}: {str(error.strerror).lower()}; expected PEM"]) from None
    if not (blocks := find_blocks(content, what)):
        raise SettingsError([f"{key}: there is no {what.lower()} in it; expected PEM, with -----BEGIN … {what}-----"])
    return blocks, key
