"""python -m benchmarks.peers: see `benchmarks.peers.command`."""

from benchmarks.peers.command import app

app()
