"""The shards of exporters that share an account's tasks, by rendezvous hashing, which needs no talk between them.

A task belongs to the shard whose hash with the task's id is the highest. All shards agree on that, and one more shard
takes its part of the tasks from each of the others and moves no other task.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from exporter.config.faults import SettingsError
from exporter.config.settings import ShardSettings

POD_INDEX: Final = "POD_INDEX"
"""The environment variable in which a StatefulSet's pod finds its label apps.kubernetes.io/pod-index."""

_POD_NAME: Final = re.compile(r".*-(\d+)")


@dataclass(frozen=True, slots=True)
class Shard:
    """Part ``ordinal`` of ``total``, counted from 0. One whose ordinal is not below the total has no tasks."""

    ordinal: int = 0
    total: int = 1

    @property
    def is_active(self) -> bool:
        """Whether there is a part for it: a StatefulSet has more pods than shards for a while, when it is scaled."""
        return self.ordinal < self.total

    def owns(self, task_id: str) -> bool:
        """Return whether a task is this shard's."""
        return self.ordinal == self.owner(task_id)

    def owner(self, task_id: str) -> int:
        """Return the ordinal of the shard that a task belongs to."""
        return max(range(self.total), key=lambda shard: blake2b(f"{shard}/{task_id}".encode(), digest_size=8).digest())

    @property
    def part(self) -> float:
        """The part of every account's quota that is the shard's."""
        return 1 / self.total


def find_shard(settings: ShardSettings, environ: Mapping[str, str] = os.environ, host_name: str | None = None) -> Shard:
    """Return the configured shard; ``auto`` takes the ordinal from Kubernetes. Raises SettingsError if there is none."""
    if settings.ordinal != "auto":
        return Shard(settings.ordinal, settings.total)
    if (index := environ.get(POD_INDEX, "")).isdecimal():
        return Shard(int(index), settings.total)
    host = socket.gethostname() if host_name is None else host_name
    if found := _POD_NAME.fullmatch(host):
        return Shard(int(found[1]), settings.total)
    fault = f"auto finds no ordinal: {POD_INDEX} is not set, and the host name {host!r} ends in no dash and number"
    raise SettingsError([f"shard.ordinal: {fault}; expected the pod of a StatefulSet, or a number here"])
