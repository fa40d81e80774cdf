"""Pages of the console as a browser without a script gets them."""

import re
from html.parser import HTMLParser
from typing import Any, NamedTuple

from review_doubles import Client, Town, visit


class Page(NamedTuple):
    """An answer: status, where it leads, headers, and the page as people read it and as it was sent."""

    status: int
    location: str
    headers: dict[str, str]
    words: str
    source: str
    cookies: dict[str, str]


class Words(HTMLParser):
    """The words of a page, and a complaint about tags that were not closed in order."""

    EMPTY = frozenset({"meta", "link", "input", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not any(name.startswith("on") or name == "style" for name, _ in attrs), "CSP allows no inline code"
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


OURS = {"Sec-Fetch-Site": "same-origin"}


def see(
    town: Town,
    path: str,
    form: dict[str, str] | None = None,
    *,
    reviewer: str = "desk-3",
    headers: dict[str, str] | None = None,
) -> Page:
    """Get a page, or post a form; redirects are not followed."""

    async def steps(client: Client) -> Page:
        said: dict[str, Any] = {
            "headers": headers if headers is not None else OURS,
            "cookies": {"reviewer": reviewer} if reviewer else {},
            "allow_redirects": False,
        }
        answer = await (client.get(path, **said) if form is None else client.post(path, data=form, **said))
        source = await answer.text()
        words = Words()
        if answer.content_type == "text/html":
            words.feed(source)
            words.close()
            assert words.open == []
        kept = {name: morsel.OutputString() for name, morsel in answer.cookies.items()}
        text = re.sub(r"\s+", " ", " ".join(words.words))
        return Page(answer.status, answer.headers.get("Location", ""), dict(answer.headers), text, source, kept)

    return visit(town, steps)
