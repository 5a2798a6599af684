"""What the documentation shows as code works: commands are run, configurations are read, by the programs that they are for.

A block that cannot be run here has a comment before it that says why: ``<!-- not run: needs Kubernetes -->``. Queries are
asked in ``tests/integration/test_docs_queries.py``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from exporter.commands.setup import load
from exporter.config.faults import keys
from exporter.config.settings import DiscoverySettings, Settings
from exporter.demo.simulator import SimulatorOptions
from exporter.web.access import check_web_config
from exporter.web.web_config import WebConfig
from tests.support.markdown import Block, documents
from tests.support.programs import answers, eventually, free_port, running, simulated, surroundings, write_config
from tests.support.tools import ROOT, need

BLOCKS = {
    block.code: block for document in reversed(documents()) for block in document.blocks if not block.not_run
}.values()
"""Each once, as it stands in English."""

EXAMPLE_TASK = "61551b2c-e3f3-4707-b4ed-f362f0925e03"
EXAMPLE_TOKEN_FILE = "/run/secrets/yunfu-token"


def of(*languages: str) -> pytest.MarkDecorator:
    """Run a test for each block in one of these languages."""
    return pytest.mark.parametrize("block", [block for block in BLOCKS if block.language in languages], ids=str)


def test_every_block_is_tried_or_says_why_not() -> None:
    """Code is in a language that a test here knows; ``text`` is what a program printed."""
    unknown = [str(block) for block in BLOCKS if block.language not in {"sh", "console", "yaml", "promql", "text"}]
    assert not unknown, "name the language, or say before the block: <!-- not run: WHY -->"


def test_a_block_that_is_not_run_names_tests_that_there_are() -> None:
    """Where a test stands in for running a block, that test is in the repository."""
    for document in documents():
        for block in document.blocks:
            for name in re.findall(r"tests/[\w/]+\.py", block.not_run):
                assert (ROOT / name).is_file(), f"{block}: {name}"


@dataclass(frozen=True, slots=True)
class Bench:
    """A directory as the documentation assumes it: ``yunfu.yaml`` beside you, and the exporter running at ``url``."""

    directory: Path
    url: str
    task: str

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run commands as the documentation shows them."""
        for shown, meant in {
            "http://127.0.0.1:10042": self.url,
            "http://EXPORTER:10042": self.url,
            EXAMPLE_TASK: self.task,
            "task=TASK": f"task={self.task}",
            "--config FILE": "--config yunfu.yaml",
        }.items():
            script = script.replace(shown, meant)
        path = {"PATH": f"{self.directory / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        words = [need("bash", "apt-get install bash"), "-euo", "pipefail", "-c", script]
        return subprocess.run(
            words, cwd=self.directory, env=surroundings(path), capture_output=True, text=True, timeout=60, check=False
        )


def _prepare(directory: Path) -> None:
    (directory / "bin").mkdir()
    for program in ("yunfu-exporter", "make"):
        path = directory / "bin" / program
        path.write_text(
            f'#!/bin/sh\nPATH=${{PATH#*:}} exec {sys.executable} -m tests.support.shown {program} "$@"\n',
            encoding="utf-8",
        )
        path.chmod(0o755)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Run the exporter on a simulated account of five tasks."""
    need("curl", "apt-get install curl")
    directory, listen = tmp_path_factory.mktemp("bench"), f"127.0.0.1:{free_port()}"
    _prepare(directory)
    with simulated(SimulatorOptions(tasks=5, speed=1)) as platform:
        config = write_config(directory / "yunfu.yaml", platform.account(), listen=listen)
        with running(directory, "serve", "--config", str(config)):
            eventually(answers(f"http://{listen}/readyz"))
            yield Bench(directory, f"http://{listen}", next(iter(platform.simulator.accounts[0].tasks)))


@of("sh")
def test_commands_work(block: Block, bench: Bench) -> None:
    """Each command does what it is shown for, without complaint: exit status 0."""
    done = bench.run(block.text)
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    assert done.stdout


@of("console")
def test_commands_print_what_is_shown(block: Block, tmp_path: Path) -> None:
    """Of an account with 400 tasks and the defaults, the commands print just these lines."""
    _prepare(tmp_path)
    with simulated(SimulatorOptions(tasks=400, speed=0, history=False)) as platform:
        account = platform.account(tasks=[], discovery={}, rate_limit=None)
        (tmp_path / "yunfu.yaml").write_text(yaml.safe_dump({"accounts": [account]}), encoding="utf-8")
        for part in block.text.removeprefix("$ ").split("\n$ "):
            command, _, shown = part.partition("\n")
            done = Bench(tmp_path, "", "").run(command)
            assert (done.stdout.strip(), done.returncode) == (shown.strip(), 0), done.stderr


@of("yaml")
def test_configurations_are_good(block: Block, tmp_path: Path) -> None:
    """Those of the exporter go through ``check``, the web configuration too, Prometheus' through promtool; the chart knows its values."""
    content = yaml.safe_load(block.text)
    if block.path.is_relative_to(ROOT / "helm"):
        _check_values(yaml.safe_load((block.path.parent / "values.yaml").read_text(encoding="utf-8")), content)
    elif set(content) <= set(Settings.model_fields):
        load(["--config", str(_config(tmp_path, block.text))])
    elif set(content) <= set(WebConfig.model_fields):
        _check_web_config(tmp_path, block.text)
    else:
        _check_prometheus(tmp_path, content)


def _config(directory: Path, text: str) -> Path:
    token, config = directory / "token", directory / "yunfu.yaml"
    token.write_text("planted", encoding="utf-8")
    if "accounts" not in yaml.safe_load(text):
        account = {"name": "a", "base_url": "http://a", "user_id": EXAMPLE_TASK, "token": "a", "discovery": {}}
        text += yaml.safe_dump({"accounts": [account]})
    config.write_text(text.replace(EXAMPLE_TOKEN_FILE, str(token)), encoding="utf-8")
    return config


def _check_web_config(directory: Path, text: str) -> None:
    authority = trustme.CA()
    server = authority.issue_cert("exporter.example")
    server.private_key_pem.write_to_path(directory / "server.key")
    server.cert_chain_pems[0].write_to_path(directory / "server.crt")
    authority.cert_pem.write_to_path(directory / "clients.crt")
    (directory / "web.yaml").write_text(text, encoding="utf-8")
    check_web_config(directory / "web.yaml")


def _check_prometheus(directory: Path, content: dict[str, Any]) -> None:
    promtool = need("promtool", "apt-get install prometheus")
    shutil.copytree(ROOT / "prometheus", directory / "yunfu" / "prometheus")  # as the command assets writes them
    assert all(any(directory.glob(pattern)) for pattern in content.get("rule_files", ()))
    (directory / "prometheus.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    words = [promtool, "check", "config", str(directory / "prometheus.yml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _check_values(known: dict[str, Any], given: dict[str, Any]) -> None:
    """Compare the keys with those of the chart's values.yaml, down to where these leave them to the user."""
    assert known.keys() >= given.keys()
    for key, value in given.items():
        if isinstance(value, dict) and known[key] and key != "config":
            _check_values(known[key], value)


def test_the_example_shows_every_key_with_its_default(tmp_path: Path) -> None:
    """Configuration by example has all keys but the one that goes without another, and but for the accounts all defaults."""
    block = next(block for block in BLOCKS if block.path.name == "configuration.md" and "accounts:" in block.text)
    settings, _ = load(["--config", str(_config(tmp_path, block.text))])
    defaults = Settings.model_construct()
    assert settings.model_dump(exclude={"accounts"}) == defaults.model_dump(exclude={"accounts"})
    (account,) = settings.accounts
    assert account.discovery == DiscoverySettings()
    assert {"token", "tasks", "rules", "discovery", "token_file"} >= {
        name
        for name, info in type(account).model_fields.items()
        if not info.is_required() and getattr(account, name) != info.default
    }
    assert set(_paths(yaml.safe_load(block.text))) == {path for path, _ in keys(Settings)} - {("accounts", "token")}


def test_the_example_file_is_what_the_first_page_shows() -> None:
    """The shipped example of a configuration says the same as README's."""
    block = next(block for block in BLOCKS if block.path == ROOT / "README.md" and "accounts:" in block.text)
    assert yaml.safe_load((ROOT / "deploy" / "yunfu.yaml").read_text(encoding="utf-8")) == yaml.safe_load(block.text)


def _paths(value: object, parent: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of each key, but for the labels that one may choose."""
    if isinstance(value, list):
        for each in value:
            yield from _paths(each, parent)
    elif isinstance(value, dict) and parent not in (("accounts", "tasks", "labels"), ("accounts", "rules", "labels")):
        for key, each in value.items():
            yield (*parent, key)
            yield from _paths(each, (*parent, key))
