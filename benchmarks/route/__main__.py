"""python -m benchmarks.route: see `benchmarks.route.command`."""

from benchmarks.route import main

main()
