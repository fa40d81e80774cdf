"""A real Chromium without a window, told what to do over its own debugging protocol."""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
MISSING = "Chromium was not found: install it (Debian: apt-get install chromium); the console was not clicked through"
_LISTENING = re.compile(rb"DevTools listening on (ws://\S+)")


def chromium() -> str:
    """Where it is. Without it a test is left out, and fails in CI."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(MISSING)
    return found


class Tab:
    """One page. Every click and key is one that a person could make."""

    def __init__(self, wire: ClientWebSocketResponse) -> None:
        self._wire = wire
        self._session = ""
        self._calls = 0
        self._loads = 0

    async def open(self) -> None:
        """Make an empty page and listen to it."""
        made = await self._call("Target.createTarget", url="about:blank")
        attached = await self._call("Target.attachToTarget", targetId=made["targetId"], flatten=True)
        self._session = attached["sessionId"]
        await self._call("Page.enable")

    async def go(self, url: str) -> None:
        """Show an address, and wait until it is there."""
        before = self._loads
        await self._call("Page.navigate", url=url)
        await self._loaded(before)

    async def click(self, selector: str) -> None:
        """Press the mouse on the middle of an element that leads to another page, and wait for that."""
        left, top = await self.value(
            f"(e => {{ e.scrollIntoView({{block: 'center'}}); const b = e.getBoundingClientRect();"
            f"return [b.x + b.width / 2, b.y + b.height / 2] }})(document.querySelector({selector!r}))"
        )
        before = self._loads
        for kind in ("mousePressed", "mouseReleased"):
            await self._call("Input.dispatchMouseEvent", type=kind, x=left, y=top, button="left", clickCount=1)
        await self._loaded(before)

    async def press(self, key: str, *, leads_on: bool = False) -> None:
        """Press a key, and with `leads_on` wait for the page that it leads to."""
        before = self._loads
        await self._call("Input.dispatchKeyEvent", type="keyDown", key=key, text=key)
        await self._call("Input.dispatchKeyEvent", type="keyUp", key=key)
        if leads_on:
            await self._loaded(before)

    async def write(self, text: str) -> None:
        """Type a text where the focus is."""
        await self._call("Input.insertText", text=text)

    async def value(self, script: str) -> Any:
        """Give what a piece of script comes to on the page."""
        done = await self._call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    async def _call(self, method: str, **said: Any) -> Any:
        self._calls += 1
        number = self._calls
        session = {"sessionId": self._session} if self._session else {}
        await self._wire.send_json({"id": number, "method": method, "params": said, **session})
        while (heard := await self._hear()).get("id") != number:
            pass
        assert "error" not in heard, heard
        return heard["result"]

    async def _loaded(self, before: int) -> None:
        while self._loads == before:
            await self._hear()

    async def _hear(self) -> dict[str, Any]:
        heard: dict[str, Any] = await self._wire.receive_json()
        self._loads += heard.get("method") == "Page.loadEventFired"
        return heard


@asynccontextmanager
async def a_tab(program: str, home: Path) -> AsyncIterator[Tab]:
    """A fresh browser with one page; it ends with the block."""
    # Chromium refuses its sandbox to root, and tests show it nothing but our own pages.
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    running = await asyncio.create_subprocess_exec(
        program,
        "--headless=new",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--remote-debugging-port=0",
        f"--user-data-dir={home}",
        *root,
        "about:blank",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert running.stderr is not None
    drained: asyncio.Task[bytes] | None = None
    try:
        while not (found := _LISTENING.search(line := await running.stderr.readline())):
            assert line, "Chromium ended before it listened"
        drained = asyncio.create_task(running.stderr.read())
        async with ClientSession() as client, client.ws_connect(found[1].decode(), max_msg_size=0) as wire:
            tab = Tab(wire)
            await tab.open()
            yield tab
    finally:
        with suppress(ProcessLookupError):
            running.terminate()
        await running.wait()
        if drained is not None:
            await drained
