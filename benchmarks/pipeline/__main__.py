"""python -m benchmarks.pipeline: see `benchmarks.pipeline.command`."""

from benchmarks.pipeline import main

main()
