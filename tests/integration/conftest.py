"""Fixtures of real programs, one on the other, of a day that Prometheus has recorded, and of the container image.

Prometheus runs for a whole module, since it takes five seconds to look at its targets for the first time; each test has
an exporter and a simulator of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.backfill import read_rules
from tests.support.history import History, Served, served
from tests.support.images import Image, built_image
from tests.support.incident import Incident
from tests.support.programs import free_address
from tests.support.stack import Stack, is_ready, scraping, standing, until
from tests.support.tools import need


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Run Prometheus; gives its address and the one that it scrapes."""
    target = free_address()
    with scraping(tmp_path_factory.mktemp("prometheus"), target) as address:
        yield address, target


@pytest.fixture
async def unwatched(tmp_path: Path) -> AsyncIterator[Stack]:
    """Run the simulator alone; the test runs the exporter on it when it wants to."""
    async with standing(tmp_path) as stack:
        yield stack


@pytest.fixture
async def watched(unwatched: Stack, prometheus: tuple[str, str]) -> Stack:
    """Run the simulator, and let Prometheus watch the place where the exporter will be."""
    unwatched.prometheus, unwatched.exporter = prometheus
    await until("Prometheus is ready", partial(is_ready, f"http://{unwatched.prometheus}/-/ready"))
    await until("Prometheus looks at its targets", unwatched.misses_the_exporter)
    return unwatched


@pytest.fixture
async def stack(watched: Stack) -> AsyncIterator[Stack]:
    """Run all three."""
    async with watched.exporting():
        yield watched


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a working day of simulated campaigns, with incidents towards its end, by a Prometheus of its own."""
    need("prometheus", "apt-get install prometheus")
    with served(History(), tmp_path_factory.mktemp("history"), rules=read_rules()) as day:
        yield day


@pytest.fixture(scope="session")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Incident:
    """Let an incident happen, once for all who are told of it."""
    incident = Incident()
    asyncio.run(incident.happen(tmp_path_factory.mktemp("incident")))
    return incident


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    """Build the container image, once for all that use it."""
    with built_image() as image:
        yield image
