"""Access control before a real Prometheus: TLS, client certificate and password; and promtool's check of the same files."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import trustme
import yaml

from exporter.config.faults import SettingsError
from exporter.web.access import check_web_config
from tests.support.programs import free_address
from tests.support.stack import EXPORTER_CONFIG, Stack, process_of, serve_words, until
from tests.support.tools import need

PASSWORD = "prom:pass wörd"
USERS = {"prometheus": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10)).decode()}
TLS = {"cert_file": "server.crt", "key_file": "server.key"}
VERIFY = {
    **TLS,
    "client_auth_type": "RequireAndVerifyClientCert",
    "client_ca_file": "ca.crt",
    "client_allowed_sans": ["prometheus.example"],
}


@dataclass
class Keys:
    """A directory of certificates and the authority that issues them."""

    directory: Path
    authority: trustme.CA

    def issue(self, name: str, *identities: str, of: trustme.CA | None = None) -> None:
        """Write a certificate and its key."""
        issued = (of or self.authority).issue_cert(*identities)
        issued.cert_chain_pems[0].write_to_path(self.directory / f"{name}.crt")
        issued.private_key_pem.write_to_path(self.directory / f"{name}.key")

    def path(self, name: str) -> str:
        """Return the path of a file."""
        return str(self.directory / name)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """Issue certificates to the server, to a client that is allowed, to one that is not, and to a stranger."""
    keys = Keys(tmp_path, trustme.CA())
    keys.authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    keys.issue("server", "127.0.0.1")
    keys.issue("client", "prometheus.example")
    keys.issue("unnamed", "somebody.example")
    keys.issue("stranger", "prometheus.example", of=trustme.CA())
    return keys


def job(keys: Keys, name: str, target: str, *, client: str | None = "client", password: str | None = PASSWORD) -> Any:
    """Write a scrape job."""
    tls = {"ca_file": keys.path("ca.crt")}
    if client is not None:
        tls |= {"cert_file": keys.path(f"{client}.crt"), "key_file": keys.path(f"{client}.key")}
    auth = {} if password is None else {"basic_auth": {"username": "prometheus", "password": password}}
    targets = [{"targets": [target]}]
    return {"job_name": name, "scheme": "https", "tls_config": tls, "static_configs": targets, **auth}


@asynccontextmanager
async def prometheus(stack: Stack, jobs: list[Any]) -> AsyncIterator[None]:
    """Run a Prometheus with these jobs."""
    program = need("prometheus", "apt-get install prometheus")
    stack.prometheus = free_address()
    config = stack.directory / "prometheus.yml"
    config.write_text(
        yaml.safe_dump({"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs})
    )
    words = [program, f"--config.file={config}", f"--storage.tsdb.path={stack.directory / 'tsdb'}"]
    words += [f"--web.listen-address={stack.prometheus}", "--log.level=warn"]
    async with process_of(words, stack.directory / "prometheus.log", f"http://{stack.prometheus}/-/ready"):
        yield


async def test_prometheus_comes_in_by_certificate_and_password(unwatched: Stack, keys: Keys) -> None:
    """Prometheus with all it needs scrapes every task, and its discovery too; without any one of them it stays outside."""
    health, account = free_address(), unwatched.simulator.accounts[0]
    (unwatched.directory / "token").write_text(account.token)
    (unwatched.directory / "web.yml").write_text(
        yaml.safe_dump({"tls_server_config": VERIFY, "basic_auth_users": USERS})
    )
    config = unwatched.directory / "exporter.yaml"
    written = EXPORTER_CONFIG.format(
        listen=unwatched.exporter,
        base_url=unwatched.simulator_url,
        user_id=account.user_id,
        token_file=unwatched.directory / "token",
    )
    config.write_text(f'{written}health_listen: "{health}"\nweb_config_file: {unwatched.directory / "web.yml"}\n')
    good = job(keys, "good", unwatched.exporter)
    probes = {**good, "job_name": "probes"}
    access = {key: probes[key] for key in ("tls_config", "basic_auth")}
    probes["static_configs"] = []
    probes["http_sd_configs"] = [{"url": f"https://{unwatched.exporter}/sd", "refresh_interval": "1s", **access}]
    jobs = [
        good,
        probes,
        job(keys, "no certificate", unwatched.exporter, client=None),
        job(keys, "another name", unwatched.exporter, client="unnamed"),
        job(keys, "another authority", unwatched.exporter, client="stranger"),
        job(keys, "no password", unwatched.exporter, password=None),
        job(keys, "wrong password", unwatched.exporter, password=f"{PASSWORD}!"),
    ]
    output = unwatched.directory / "exporter.log"
    async with (
        process_of(serve_words(config), output, f"http://{health}/readyz"),
        prometheus(unwatched, jobs),
    ):

        async def all_are_scraped() -> bool:
            scraped = await unwatched.vector("count by (job) (up)", "job")
            probed = await unwatched.vector('count(yunfu_task_up{job="probes"} == 1)')
            return len(scraped) == len(jobs) and probed == {(): len(unwatched.tasks)}

        await until("all jobs were scraped", all_are_scraped)
        assert await unwatched.vector("min by (job) (up)", "job") == {
            ("good",): 1,
            ("probes",): 1,
            **{(each["job_name"],): 0 for each in jobs[2:]},
        }
        assert await unwatched.vector('count(yunfu_task_up{job="good"} == 1)') == {(): len(unwatched.tasks)}
        assert await unwatched.vector('count(up{job="probes"})') == {(): len(unwatched.tasks)}
        before = output.read_text().count("web configuration reloaded")
        keys.issue("server", "127.0.0.1")

        async def is_renewed() -> bool:
            return output.read_text().count("web configuration reloaded") > before

        await until("the new certificate takes effect", is_renewed)
        scraped = (await unwatched.vector('timestamp(up{job="good"})'))[()]

        async def scraped_since() -> bool:
            return (await unwatched.vector('timestamp(up{job="good"})'))[()] > scraped + 2

        await until("it was scraped again", scraped_since)
        assert await unwatched.vector('min_over_time(up{job="good"}[1m])') == {(): 1}
    assert PASSWORD not in output.read_text()
    assert "level=error" not in output.read_text()


@pytest.mark.parametrize(
    ("config", "good"),
    [
        ({}, True),
        ({"tls_server_config": TLS}, True),
        ({"tls_server_config": {key: VERIFY[key] for key in VERIFY if key != "client_allowed_sans"}}, True),
        ({"tls_server_config": {**TLS, "min_version": "TLS13", "curve_preferences": ["X25519"]}}, True),
        ({"tls_server_config": {**TLS, "cipher_suites": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]}}, True),
        ({"tls_server_config": {**TLS, "cipher_suites": ["TLS_RSA_WITH_RC4_128_SHA"]}}, False),
        ({"tls_server_config": {**TLS, "min_version": "TLS14"}}, False),
        ({"tls_server_config": {**TLS, "client_ca_file": "ca.crt"}}, False),
        ({"tls_server_config": {"cert_file": "server.crt"}}, False),
        ({"tls_server_config": {**TLS, "key_file": "client.key"}}, False),
        ({"tls_server_config": {**TLS, "cert_fle": "x"}}, False),
        ({"http_server_config": {"http2": False, "headers": {"X-Frame-Options": "deny"}}}, True),
        ({"http_server_config": {"headers": {"Set-Cookie": "x"}}}, False),
        ({"basic_auth_users": USERS}, True),
        ({"basic_auth_users": {"john": "doe"}}, False),
    ],
)
def test_promtool_says_the_same(config: dict[str, Any], good: bool, keys: Keys) -> None:  # noqa: FBT001
    """The exporter and promtool, which has exporter-toolkit inside, accept and refuse the same files."""
    promtool = need("promtool", "apt-get install prometheus")
    path = keys.directory / "web.yml"
    path.write_text(yaml.safe_dump(config))
    theirs = subprocess.run([promtool, "check", "web-config", str(path)], capture_output=True, check=False)
    with nullcontext() if good else pytest.raises(SettingsError):
        check_web_config(path)
    assert (theirs.returncode == 0) is good, theirs.stderr
