"""All ten workers on one machine: how many reports a second, how soon, lost or doubled, and what each worker costs."""


def main() -> None:
    """Run the benchmark as `python -m benchmarks.pipeline` does."""
    import typer  # noqa: PLC0415 - who needs a part does not load the command line

    from benchmarks.pipeline.command import pipeline  # noqa: PLC0415 - likewise

    typer.run(pipeline)
