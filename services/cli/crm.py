"""`stormdrain crm`: the sandbox CRM by itself."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from services.sandbox.crm import Crm


def crm(
    port: Annotated[int, typer.Option(help="Where to listen; 0 takes a free port.")] = 8400,
    host: Annotated[str, typer.Option(help="Which address to listen on.")] = "127.0.0.1",
    journal: Annotated[
        Path | None, typer.Option(help="File that keeps what was acknowledged; without it a restart forgets.")
    ] = None,
) -> None:
    """Run the sandbox CRM until it is interrupted. CRM_TOKEN, where set, must be sent as a bearer token."""
    try:
        asyncio.run(_serve(Crm(port, journal, host=host, token=os.environ.get("CRM_TOKEN", ""))))
    except (OSError, ValueError) as error:
        typer.echo(f"the sandbox CRM cannot start: {error}", err=True)
        raise typer.Exit(1) from error


async def _serve(server: Crm) -> None:
    await server.start()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    typer.echo(f"sandbox CRM on {server.url} ({len(server.book)} cases)")
    await stop.wait()
    await server.stop()


if __name__ == "__main__":
    _app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    _app.command()(crm)
    _app()
