"""python -m benchmarks.classify: see `benchmarks.classify.command`."""

from benchmarks.classify import main

main()
