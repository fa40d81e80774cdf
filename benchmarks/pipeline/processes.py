"""What the processes of a town have spent so far."""

import time
from collections.abc import Mapping
from typing import Any

import psutil

CALM = 0.5
"""Processors in use below which nothing is being worked off any more."""


class Processes:
    """Named processes, looked at from outside."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}

    def cpu_seconds(self) -> dict[str, float]:
        """Give processor time since each began, user and system, all threads."""
        times = {name: process.cpu_times() for name, process in self._processes.items()}
        return {name: spent.user + spent.system for name, spent in times.items()}

    def resident_mib(self) -> dict[str, int]:
        """Give resident memory, MiB."""
        return {name: round(process.memory_info().rss / 2**20) for name, process in self._processes.items()}

    def wait_until_calm(self, limit_s: float) -> None:
        """Return when all of them together use little, or after `limit_s`: those beside the way may lag behind."""
        deadline = time.monotonic() + limit_s
        before = sum(self.cpu_seconds().values())
        while time.monotonic() < deadline:
            time.sleep(1.0)
            now = sum(self.cpu_seconds().values())
            if now - before < CALM:
                return
            before = now


def machine_busy_seconds() -> float:
    """Give the processor seconds that this machine has spent on anything, by anybody."""
    spent: Any = psutil.cpu_times()
    idle = spent.idle + getattr(spent, "iowait", 0.0)
    return float(sum(spent[:8]) - idle)
