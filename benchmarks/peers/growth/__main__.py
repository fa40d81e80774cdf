"""python -m benchmarks.peers.growth: see `benchmarks.peers.growth.command`."""

import typer

from benchmarks.peers.growth.command import growth

typer.run(growth)
