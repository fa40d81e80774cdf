"""The classifier beside other ways to learn a town's categories: how good, how fast, on the same texts."""


def main() -> None:
    """Run the benchmark as `python -m benchmarks.classify` does."""
    import typer  # noqa: PLC0415 - importing a side should not load the command line

    from benchmarks.classify.command import classify  # noqa: PLC0415 - likewise

    typer.run(classify)
