"""python -m benchmarks.match: see `benchmarks.match.command`."""

import typer

from benchmarks.match.command import match

typer.run(match)
