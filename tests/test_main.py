"""The entry point: the version, and signals before the event loop handles them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from exporter import __version__, revision
from tests.support.programs import eventually, run_program, surroundings
from tests.support.tools import ROOT, need

READ_FOR_EVER = """
import os, time
from pathlib import Path
from exporter.files import reading
from exporter.__main__ import main
def read(path, _):
    Path(os.environ["READS"]).touch()
    time.sleep(600)
reading._read, reading.PATIENCE_SECONDS = read, 600
main()
"""
"""Runs the words that follow, and reads its configuration for ever: the file READS says since when."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_while_the_configuration_is_read(number: signal.Signals, tmp_path: Path) -> None:
    """Before there is anything to stop, SIGHUP does nothing, and SIGTERM and SIGINT end it with status 0, silently."""
    config, reads = tmp_path / "config.yaml", tmp_path / "reads"
    config.touch()
    command, env = (sys.executable, "-c", READ_FOR_EVER, "serve", "--config", str(config)), {"READS": str(reads)}
    with subprocess.Popen(command, cwd=ROOT, env=surroundings(env), stderr=subprocess.PIPE) as program:
        try:
            eventually(reads.exists)
            program.send_signal(signal.SIGHUP)
            program.send_signal(number)
            assert program.communicate(timeout=20)[1] == b""
            assert program.returncode == 0
        finally:
            program.kill()


def test_a_configuration_that_is_a_pipe_is_refused(tmp_path: Path) -> None:
    """What nobody may ever write to is not waited for: status 2, and one line that says what it is."""
    config = tmp_path / "config.yaml"
    os.mkfifo(config)
    done = run_program("serve", "--config", str(config))
    expected = f"yunfu-exporter: {config}: not a regular file; expected a YAML file\n"
    assert (done.returncode, done.stderr) == (2, expected)


IMPORT_INTERRUPTED = """
import os, sys, types
class Interrupted(types.ModuleType):
    def __getattr__(self, name):
        os.kill(os.getpid(), int(os.environ["SIGNAL"]))
        raise AttributeError(name)
sys.modules["exporter.cli"] = Interrupted("exporter.cli")
from exporter.__main__ import main
main()
"""
"""Runs the words that follow, and gets a signal while it imports what does the work."""


@pytest.mark.parametrize(
    ("words", "number", "status"),
    [
        ((), signal.SIGTERM, 0),
        (("--log.level=debug",), signal.SIGTERM, 0),
        (("serve",), signal.SIGTERM, 0),
        (("serve",), signal.SIGINT, 0),
        (("once",), signal.SIGTERM, 128 + signal.SIGTERM),
    ],
)
def test_signals_while_it_is_imported(words: Sequence[str], number: signal.Signals, status: int) -> None:
    """It ends at once and silently: well if it would serve, and not as if it had done its work if it would not."""
    command, env = (sys.executable, "-c", IMPORT_INTERRUPTED, *words), surroundings({"SIGNAL": str(int(number))})
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")


def test_the_version_is_quick() -> None:
    """--version answers in one line, without importing anything heavy."""
    command = (sys.executable, "-X", "importtime", "-m", "exporter", "--version")
    done = subprocess.run(command, cwd=ROOT, env=surroundings(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"yunfu-exporter {__version__} ({revision()})\n")
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "exporter" in imported
    assert not imported & {"aiohttp", "asyncio", "pydantic", "pydantic_settings", "prometheus_client", "yaml"}


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, with an author and without anybody's settings."""
    author = {f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env = surroundings({**author, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull})
    command = (need("git", "apt-get install git"), "-C", str(folder), *words)
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Return a folder with what ``--version`` needs of the sources, and no repository."""
    folder = tmp_path / "sources"
    for name in ("__init__.py", "__main__.py"):
        (folder / "exporter").mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "exporter" / name, folder / "exporter")
    return folder


def shown_revision(folder: Path, **environment: str) -> str:
    """Return the revision that ``--version`` shows in a folder with the sources."""
    env = {**surroundings(environment), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": ""}
    command = (sys.executable, "-m", "exporter", "--version")
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.strip().rpartition(" ")[2].strip("()")


def test_a_checkout_knows_its_revision(sources: Path, tmp_path: Path) -> None:
    """It is the commit that is checked out, in a worktree too, and says whether files have been changed since."""
    git(sources, "init", "--quiet")
    git(sources, "add", ".")
    git(sources, "commit", "--quiet", "--message", "first")
    commit = git(sources, "rev-parse", "HEAD")
    assert shown_revision(sources) == commit
    git(sources, "worktree", "add", "--quiet", str(tmp_path / "worktree"))
    assert shown_revision(tmp_path / "worktree") == commit
    (sources / "exporter" / "__main__.py").write_text("from exporter import revision\n\nprint(revision())\n")
    assert shown_revision(sources) == f"{commit}-dirty"


def test_a_build_has_its_revision_in_it(sources: Path) -> None:
    """The file of a build prevails over a repository around it."""
    git(sources, "init", "--quiet")
    (sources / "exporter" / "REVISION").write_text("0123abcd\n")
    assert shown_revision(sources) == "0123abcd"


def test_a_revision_that_cannot_be_known_is_unknown(sources: Path, tmp_path: Path) -> None:
    """Without a repository, in another project's, with a broken or an empty one or without git, it says so and goes on."""
    assert shown_revision(sources) == "unknown"
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "another project")
    assert shown_revision(sources) == "unknown"
    git(sources, "init", "--quiet")
    assert shown_revision(sources) == "unknown"
    git(sources, "add", ".")
    git(sources, "commit", "--quiet", "--message", "first")
    assert shown_revision(sources) != "unknown"
    assert shown_revision(sources, PATH=str(tmp_path)) == "unknown"
    (sources / ".git" / "HEAD").write_text("broken")
    assert shown_revision(sources) == "unknown"
