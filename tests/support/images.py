"""The container image, built by ``make image`` with buildah on Debian's own files: no registry is at hand."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from exporter import __version__
from tests.support.tools import make, missing, need, run

BASE: Final = "localhost/base"
REVISION: Final = "0123456789abcdef0123456789abcdef01234567"
PASSWORD: Final = "planted-password"
HOME: Final = "opt/yunfu-exporter"


class Store:
    """A place where buildah keeps images."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        storage = ("--storage-driver", "vfs", "--root", str(directory / "root"), "--runroot", str(directory / "run"))
        self.program = (need("buildah", "apt-get install buildah"), *storage)

    def __call__(self, *words: str) -> str:
        """Run one of buildah's commands; return what it prints."""
        return run(*self.program, *words)

    def make_base(self) -> None:
        """Make an image of Debian's with Python, since no registry is at hand."""
        files, archive = self.directory / "debian", self.directory / "base.tar"
        debootstrap = need("debootstrap", "apt-get install debootstrap")
        packages = "--include=python3,python3-venv,ca-certificates,systemd,procps"  # these two are for test_systemd.py
        run(debootstrap, "--variant=minbase", packages, "bookworm", str(files))
        left_out = ("./var/cache/apt/archives/*.deb", "./var/lib/apt/lists/*", "./dev/*")
        run("tar", "-C", str(files), *(f"--exclude={name}" for name in left_out), "-cf", str(archive), ".")
        shutil.rmtree(files)
        container = self("from", "scratch")
        self("add", container, str(archive), "/")
        self("commit", "--disable-compression", "--rm", container, BASE)
        archive.unlink()

    def make_image(self, *arguments: str) -> str:
        """Build the image with build arguments, NAME=VALUE, and nothing kept from before; return its id."""
        chroot = "--isolation chroot --network host --pull-never --format docker --layers=false --timestamp 0"
        certificates = "--volume /etc/ssl/certs:/etc/ssl/certs:ro"
        given = " ".join(f"--build-arg {argument}" for argument in (f"BASE={BASE}", *arguments))
        words = f"--quiet {chroot} {certificates} {given}"
        make("image", f"BUILDER={shlex.join(self.program)}", f"SOURCE_REVISION={REVISION}", f"ARGS={words}")
        return self("images", "--quiet", "--no-trunc", f"yunfu-exporter:{__version__}")

    def files(self, image: str) -> Path:
        """Return the directory with an image's files."""
        return Path(self("mount", self("from", "--pull-never", image)))

    def inspect(self, image: str) -> dict[str, Any]:
        """Return an image's configuration."""
        configuration: dict[str, Any] = json.loads(self("inspect", "--type", "image", image))["Docker"]
        return configuration


@dataclass(frozen=True)
class Image:
    """The image as built, and the files of a container of it."""

    store: Store
    name: str
    files: Path
    configuration: dict[str, Any]
    layers: list[str]
    asked: frozenset[str]
    """What the index was asked for that the packages came from."""

    @property
    def code(self) -> Path:
        """Where the installed packages are."""
        return next(self.files.glob(f"{HOME}/lib/python3.*/site-packages"))


def quick_directory() -> Path | None:
    """Return a file system in memory if it has room: debootstrap syncs each file, and buildah copies all for a layer."""
    shared = Path("/dev/shm")  # noqa: S108  # only the place of a directory of the test's own
    return shared if shared.is_dir() and shutil.disk_usage(shared).free > 4_000_000_000 else None


@contextmanager
def index_of_ones_own() -> Iterator[tuple[str, set[str]]]:
    """Serve a package index that wants a password and leads on to pip's own; gives its URL, and the names that it is asked for."""
    found = re.search(r"Package Index\s+\(default\s+(\S+)\)", run(sys.executable, "-m", "pip", "install", "--help"))
    assert found
    url, asked = found[1].rstrip("/"), set[str]()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers["Authorization"] is None:
                self.send_error(HTTPStatus.UNAUTHORIZED)
                return
            name = self.path.strip("/").rpartition("/")[2]
            asked.add(name)
            self.send_response(HTTPStatus.FOUND)
            self.send_header("Location", f"{url}/{name}/")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://somebody:{PASSWORD}@127.0.0.1:{server.server_port}/simple", asked
        finally:
            server.shutdown()


@contextmanager
def built_image() -> Iterator[Image]:
    """Build the image, with the packages from an index of one's own; it is there as long as the context lasts."""
    if os.geteuid() != 0:
        missing("only root can make a root file system", "sudo make test ARGS=tests/integration/test_image.py")
    with tempfile.TemporaryDirectory(prefix="image-", dir=quick_directory()) as directory:
        store = Store(Path(directory))
        store.make_base()
        with index_of_ones_own() as (url, asked):
            name = store.make_image(f"PIP_INDEX_URL={url}")
        configuration = store.inspect(name)
        files, layers = store.files(name), configuration["rootfs"]["diff_ids"]
        yield Image(store, name, files, configuration["config"], layers, frozenset(asked))
