"""Reads the pages that people read: what they link to, name, and give as an example."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "city/README.md")
)

_BLOCK = re.compile(r"(?ms)(?:<!-- (?P<marked>[\w.]+) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$")
_LINK = re.compile(r"!?\[[^\]]*\]\((?P<to>[^)\s]+)\)")
_INLINE = re.compile(r"`([^`\n]+)`")
_INDENTED = re.compile(r"^    (\S.*)$", re.MULTILINE)
_VARIABLE = re.compile(r"^[A-Z_]+=\S+$")


@dataclass(frozen=True)
class Block:
    """A fenced block; `marked` is what the comment before it says it is."""

    page: str
    language: str
    text: str
    marked: str

    def __str__(self) -> str:
        first = self.text.strip().splitlines()[0] if self.text.strip() else ""
        return f"{self.page}: {first[:60]}"


def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def blocks(*languages: str) -> list[Block]:
    return [
        Block(page, found["language"], found["text"], found["marked"] or "")
        for page in PAGES
        for found in _BLOCK.finditer(text_of(page))
        if found["language"] in languages
    ]


def links(page: str) -> list[str]:
    return [found["to"] for found in _LINK.finditer(_BLOCK.sub("", text_of(page)))]


def anchors(page: str) -> set[str]:
    """Give the names that GitHub gives to a page's headings."""
    titles = re.findall(r"^#+ (.*)$", _BLOCK.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def commands(page: str) -> Iterator[list[str]]:
    """Give each command that a page tells its reader to type, as words: of blocks, indented lines and inline code."""
    text = text_of(page)
    lines = [line for found in _BLOCK.finditer(text) if found["language"] == "sh" for line in _joined(found["text"])]
    rest = _BLOCK.sub("", text)
    for line in (*lines, *_INDENTED.findall(rest), *_INLINE.findall(rest)):
        if not re.match(r"([A-Z_]+=\S+ )*(stormdrain|make|python -m services) \S|echo .*\| stormdrain", line):
            continue
        for words in _piped(shlex.split(line, comments=True)):
            while words and _VARIABLE.match(words[0]):
                words.pop(0)
            if words and words[0] in {"stormdrain", "make", "python"}:
                yield words


def _piped(words: list[str]) -> list[list[str]]:
    """Give the commands of a pipe."""
    found: list[list[str]] = [[]]
    for word in words:
        if word == "|":
            found.append([])
        else:
            found[-1].append(word)
    return found


def _joined(text: str) -> list[str]:
    return text.replace("\\\n", " ").splitlines()


def named(page: str, pattern: str) -> set[str]:
    return set(re.findall(pattern, text_of(page)))
