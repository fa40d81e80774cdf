"""`python -m benchmarks.peers`: one command for each race."""

import typer

from benchmarks.peers.classify import classify
from benchmarks.peers.growth.command import growth
from benchmarks.peers.passthrough import passthrough
from benchmarks.peers.pipeline.command import pipeline

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Races against other stream processors.")
app.command()(passthrough)
app.command()(classify)
app.command()(pipeline)
app.command()(growth)


@app.callback()
def main() -> None:
    """Races against other stream processors, on one machine, in one run."""
