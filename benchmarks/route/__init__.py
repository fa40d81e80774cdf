"""Where places lie: the index beside geopandas, and the whole worker beside one that decides nothing."""


def main() -> None:
    """Run the benchmark as `python -m benchmarks.route` does."""
    import typer  # noqa: PLC0415 - a side of the race should not load the command line

    from benchmarks.route.command import route  # noqa: PLC0415 - likewise

    typer.run(route)
