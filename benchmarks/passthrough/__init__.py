"""The runtime against a bare loop: the same records through both, in turn, on one broker."""


def main() -> None:
    """Run the benchmark as `python -m benchmarks.passthrough` does."""
    import typer  # noqa: PLC0415 - one side of a measurement should not load the command line

    from benchmarks.passthrough.command import passthrough  # noqa: PLC0415 - likewise

    typer.run(passthrough)
