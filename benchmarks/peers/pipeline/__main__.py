"""python -m benchmarks.peers.pipeline: see `benchmarks.peers.pipeline.command`."""

import typer

from benchmarks.peers.pipeline.command import pipeline

typer.run(pipeline)
