"""The console in a real browser: its script, its style and its own rules about both."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from msgspec.structs import replace
from review_browser import Tab, a_tab, chromium
from review_doubles import NOON, Town, a_town, draft, prioritized

from services.parts import Extent
from services.review.door import application

town = a_town
HULL = ((44.5, -63.5), (44.5, -63.499), (44.501, -63.499))


@pytest.fixture
def repeated(town: Town) -> Town:
    """A town with one draft that may repeat an earlier report."""
    later = draft("r-1", duplicate_of="r-0")
    extent = Extent(reports=3, since=NOON, until=NOON, hull=HULL)
    town.tell(prioritized(draft("r-0")), replace(later, matching=replace(later.matching, extent=extent)))
    return town


def in_a_browser(town: Town, home: Path, steps: Callable[[Tab], Coroutine[Any, Any, None]]) -> None:
    """Sign in at the town's console, and go on from there."""
    program = chromium()

    async def visit() -> None:
        async with (
            asyncio.timeout(60),
            TestServer(application(town.office())) as server,
            a_tab(program, home) as tab,
        ):
            await tab.go(str(server.make_url("/")))
            await tab.value("document.getElementById('reviewer').focus()")
            await tab.write("desk-3")
            await tab.click("form.me button")
            await steps(tab)

    asyncio.run(visit())


def test_one_click_links_a_report_and_leads_back_to_the_queue(repeated: Town, tmp_path: Path) -> None:
    async def steps(tab: Tab) -> None:
        drawn = await tab.value("getComputedStyle(document.querySelector('.spread polygon')).strokeWidth")
        assert drawn == "1.5px", "the picture of the incident has its style"
        await tab.click("button[name=same_as]")
        assert await tab.value("document.querySelector('.done').textContent") == (
            "Request r-1: approved, same incident as r-0."
        )

    in_a_browser(repeated, tmp_path, steps)
    assert [(review.verdict, review.same_as, review.reviewer) for review in repeated.kafka.sent] == [
        ("approve", "r-0", "desk-3")
    ]


@pytest.mark.parametrize(("key", "sent"), [("s", ("approve", "r-0")), ("u", ("unlink", ""))])
def test_one_key_links_a_report_or_parts_it(repeated: Town, tmp_path: Path, key: str, sent: tuple[str, str]) -> None:
    async def steps(tab: Tab) -> None:
        await tab.press("j")
        await tab.press(key, leads_on=True)

    in_a_browser(repeated, tmp_path, steps)
    assert [(review.verdict, review.same_as) for review in repeated.kafka.sent] == [sent]
