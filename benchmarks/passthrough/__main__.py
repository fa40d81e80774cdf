"""python -m benchmarks.passthrough: see `benchmarks.passthrough.command`."""

from benchmarks.passthrough import main

main()
