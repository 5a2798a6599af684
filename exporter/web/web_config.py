"""The web configuration file: TLS, basic auth and headers of the main port, in the format of Prometheus' exporter-toolkit.

The format is https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md, read strictly. What
Python's ssl cannot do is refused by name rather than passed over. Relative paths are relative to the file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from exporter.config.faults import SettingsError, format_fault
from exporter.config.field_types import Boolean
from exporter.config.strict_yaml import read_yaml
from exporter.config.values import (
    describe,
    parse_duration,
    parse_path,
    parse_text,
    parse_whole_number,
    show,
)

_BCRYPT: Final = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}", re.ASCII)
_COSTS: Final = range(4, 19)
"""From bcrypt's least to the dearest in the toolkit's own examples, whose every check takes some ten seconds."""

_CIPHERS: Final = {  # by Go's names
    f"TLS_ECDHE_{kind}_WITH_{go}": f"ECDHE-{kind}-{openssl}"
    for kind in ("ECDSA", "RSA")
    for go, openssl in (
        ("AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
        ("AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
        ("CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"),
        ("AES_128_CBC_SHA", "AES128-SHA"),
        ("AES_256_CBC_SHA", "AES256-SHA"),
    )
}
_CIPHERS_OF_TLS13: Final = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_CURVES: Final = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}


def _parse_version(value: object) -> object:
    if value in ("TLS10", "TLS11"):
        raise ValueError(f"{value} is no longer supported by OpenSSL; expected 'TLS12' or 'TLS13'")
    return value


def _parse_client_auth(value: object) -> object:
    if value in ("RequireAnyClientCert", "RequireClientCert"):
        raise ValueError(
            f"{value}, a certificate of anybody, is nothing that Python's ssl can ask for; expected "
            "RequireAndVerifyClientCert with client_ca_file, or NoClientCert"
        )
    return value


def _parse_cipher(value: object) -> str:
    name = parse_text(value)
    if name not in _CIPHERS and name not in _CIPHERS_OF_TLS13:
        raise ValueError(f"{show(name)} is not known; expected one of {', '.join((*_CIPHERS, *_CIPHERS_OF_TLS13))}")
    return name


def _parse_curve(value: object) -> str:
    name = parse_text(value)
    if name not in _CURVES:
        raise ValueError(f"{show(name)} is not known; expected one of {', '.join(_CURVES)}")
    return name


def _parse_pem(value: object) -> SecretStr | None:
    """Read certificates or a key in the file itself; an empty text is none, as in the toolkit."""
    if not isinstance(value, str):
        raise ValueError(f"is {describe(value)}; expected text in PEM")  # noqa: TRY004 - pydantic collects ValueErrors only
    return SecretStr(value) if value.strip() else None


def _parse_file(value: object) -> Path | None:
    return None if value == "" else parse_path(value)


def _parse_hash(value: object) -> SecretStr:
    found = _BCRYPT.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise ValueError("is not a bcrypt hash; expected like $2y$10$…, as 'htpasswd -nBC 10 USER' writes it")
    if int(found[1]) not in _COSTS:
        raise ValueError(f"has the cost {found[1]}; expected from {_COSTS[0]} to {_COSTS[-1]}, such as 10")
    return SecretStr(found[0])


def _parse_user(value: object) -> str:
    name = parse_text(value)
    if ":" in name:
        raise ValueError("has a colon, which basic auth cannot carry; expected a name without one")
    return name


def _parse_header(value: object) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not ((text.isascii() and text.isprintable()) or not text):
        raise ValueError("cannot be a header's value; expected text of one line in ASCII")
    return text


def _parse_interval(value: object) -> float:
    if value == 0 or isinstance(value, str):  # Go takes a bare number for nanoseconds
        return parse_duration(value)
    raise ValueError(f"{show(value)} has no unit; expected a duration like 1s or 100ms, or 0 for no limit")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True)


Pem = Annotated[SecretStr | None, BeforeValidator(_parse_pem)]
File = Annotated[Path | None, BeforeValidator(_parse_file)]
Version = Annotated[Literal["TLS12", "TLS13"], BeforeValidator(_parse_version)]
HeaderValue = Annotated[str, BeforeValidator(_parse_header)]


class TlsSettings(_Part):
    """``tls_server_config``: the exporter's certificate, and those it wants to see."""

    cert: Pem | None = None
    cert_file: File | None = None
    key: Pem | None = None
    key_file: File | None = None
    client_ca: Pem | None = None
    client_ca_file: File | None = None
    client_auth_type: Annotated[
        Literal["NoClientCert", "RequestClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert", ""],
        BeforeValidator(_parse_client_auth),
    ] = "NoClientCert"
    client_allowed_sans: tuple[Annotated[str, BeforeValidator(parse_text)], ...] | None = None
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"
    cipher_suites: tuple[Annotated[str, BeforeValidator(_parse_cipher)], ...] = ()
    prefer_server_cipher_suites: Boolean = True
    curve_preferences: tuple[Annotated[str, BeforeValidator(_parse_curve)], ...] = ()

    @field_validator("cert_file", "key_file", "client_ca_file")
    @classmethod
    def _one_of_two(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        inline = str(info.field_name).removesuffix("_file")
        if inline in info.data:
            if value is not None and info.data[inline] is not None:
                raise ValueError(f"given beside {inline}; expected one of the two")
            if value is None and info.data[inline] is None and inline != "client_ca":
                raise ValueError(f"missing; expected {inline}_file or {inline}")
        return value

    @field_validator("client_auth_type")
    @classmethod
    def _authorities(cls, value: str, info: ValidationInfo) -> str:
        has_authorities = bool(info.data.get("client_ca") or info.data.get("client_ca_file"))
        if has_authorities and not cls._verifies(value):
            raise ValueError(
                f"{show(value)} does not look at client_ca_file; expected RequireAndVerifyClientCert beside it"
            )
        if value == "RequireAndVerifyClientCert" and not has_authorities and "client_ca_file" in info.data:
            raise ValueError(
                f"{value} alone would let in anybody with a certificate of a public authority; expected client_ca_file too"
            )
        return value

    @field_validator("client_allowed_sans")
    @classmethod
    def _somebody_to_allow(cls, value: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        if value is not None and not cls._verifies(info.data.get("client_auth_type", "VerifyClientCertIfGiven")):
            raise ValueError(
                "no certificate is asked for; expected client_auth_type: RequireAndVerifyClientCert beside it"
            )
        return value

    @field_validator("max_version")
    @classmethod
    def _versions_in_order(cls, value: str, info: ValidationInfo) -> str:
        if value < info.data.get("min_version", "TLS12"):
            raise ValueError("is below min_version; expected at least that")
        return value

    @field_validator("cipher_suites")
    @classmethod
    def _ciphers_for_the_version(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if value and not set(value) & set(_CIPHERS) and info.data.get("max_version") == "TLS12":
            raise ValueError("has none of TLS 1.2, and max_version is TLS12; expected one like " + next(iter(_CIPHERS)))
        return value

    @field_validator("curve_preferences")
    @classmethod
    def _one_curve(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) > 1:
            raise ValueError("Python's ssl accepts only one curve; expected one, or none for OpenSSL's choice")
        return value

    @staticmethod
    def _verifies(client_auth_type: str) -> bool:
        return client_auth_type in ("VerifyClientCertIfGiven", "RequireAndVerifyClientCert")

    @property
    def ciphers(self) -> str:
        """OpenSSL's list of the ciphers of TLS 1.2; empty if none are listed. Those of 1.3 cannot be chosen, as in Go."""
        return ":".join(_CIPHERS[name] for name in self.cipher_suites if name in _CIPHERS)

    @property
    def curve(self) -> str | None:
        """OpenSSL's name of the curve, if one is given."""
        return _CURVES[self.curve_preferences[0]] if self.curve_preferences else None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are named."""
        return tuple(file for file in (self.cert_file, self.key_file, self.client_ca_file) if file is not None)


class HeaderSettings(_Part):
    """``headers``: the only ones that may be set. An empty value is none."""

    content_security_policy: HeaderValue = Field("", alias="Content-Security-Policy")
    x_frame_options: Literal["deny", "sameorigin", ""] = Field("", alias="X-Frame-Options")
    x_content_type_options: Literal["nosniff", ""] = Field("", alias="X-Content-Type-Options")
    x_xss_protection: HeaderValue = Field("", alias="X-XSS-Protection")
    strict_transport_security: HeaderValue = Field("", alias="Strict-Transport-Security")


class HttpSettings(_Part):
    """``http_server_config``. HTTP/2 may be allowed, as it is by default: a client that offers both gets HTTP/1.1."""

    http2: Boolean = True
    headers: HeaderSettings = HeaderSettings()

    @property
    def header_fields(self) -> dict[str, str]:
        """The headers to send."""
        return {name: value for name, value in self.headers.model_dump(by_alias=True).items() if value}


class RateSettings(_Part):
    """``rate_limit``: a request every ``interval`` seconds on average, ``burst`` at once; an interval of 0 is no limit."""

    interval: Annotated[float, BeforeValidator(_parse_interval)] = 0.0
    burst: Annotated[int, BeforeValidator(parse_whole_number)] = 0

    @field_validator("burst")
    @classmethod
    def _lets_some_through(cls, value: int, info: ValidationInfo) -> int:
        if value < 1 and info.data.get("interval"):
            raise ValueError(f"{value} would refuse every request; expected at least 1")
        return value


class WebConfig(_Part):
    """The whole file; empty is neither TLS nor passwords."""

    tls_server_config: TlsSettings | None = None
    http_server_config: HttpSettings = HttpSettings()
    basic_auth_users: dict[
        Annotated[str, BeforeValidator(_parse_user)], Annotated[SecretStr, BeforeValidator(_parse_hash)]
    ] = {}
    rate_limit: RateSettings = RateSettings()


def read_web_config(path: Path) -> WebConfig:
    """Read the file. Raises SettingsError with a line for every fault; certificates and keys are not opened yet."""
    try:
        values: dict[str, Any] = read_yaml(str(path), like="tls_server_config: {…}")
        config = WebConfig.model_validate({key: value for key, value in values.items() if value is not None})
    except ValidationError as error:
        raise SettingsError(f"{path}: {format_fault(WebConfig, detail)}" for detail in error.errors()) from None
    except ValueError as error:
        raise SettingsError([str(error)]) from None
    tls = config.tls_server_config
    if tls is None:
        return config
    beside = {
        name: path.parent / file
        for name in ("cert_file", "key_file", "client_ca_file")
        if (file := getattr(tls, name)) is not None
    }
    return config.model_copy(update={"tls_server_config": tls.model_copy(update=beside)})
