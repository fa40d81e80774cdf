"""Texts folded for look-up, and phrases found in them."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import concat
from typing import TypeAlias

Places: TypeAlias = list[tuple[int, str]]
"""Phrases found, each with the sign of the folded text where it begins."""


_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
"""Scripts that put no spaces between words: Thai, Lao, Myanmar, Khmer, kana, Han."""
_MARKS = frozenset(sign for sign in map(chr, range(0x300, 0x1E94B)) if unicodedata.combining(sign))
"""Accents and other marks that stand on the sign before them."""
_NOTHING: Places = []
_KEY = 3
"""Letters of a word by which phrases are looked up."""
_REMEMBERED = 20_000
"""Words of which a lexicon remembers what begins with them: more than a city's reports have in months."""
NEAR = 48
"""Signs of folded text, at most, from the beginning of one word of a pair to that of the other: half a sentence."""


Candidates: TypeAlias = tuple[tuple[str, str, int], ...]
"""Phrases that begin with a word: what else must stand there, how it was given, and the number of its list."""


@dataclass(slots=True)  # not frozen: to make a frozen one of each text costs twice as much
class Folded:
    """A text without case, accents and punctuation: its words, and all of them parted by one space."""

    words: tuple[str, ...]
    joined: str
    looked_up: dict["Lexicon", dict[int, Places]] = field(default_factory=dict, compare=False, repr=False)
    """What lexicons have found in it: a text is gone through once, however many lists it is asked for."""


def fold(text: str) -> Folded:
    """Fold a text; two texts that a reader takes for the same words fold alike."""
    if text.isascii():
        words = _WORD.findall(text.lower())
    else:
        parted = unicodedata.normalize("NFKD", text.casefold())
        bare = parted if _MARKS.isdisjoint(parted) else "".join([sign for sign in parted if sign not in _MARKS])
        # Letters of their own to Unicode, but written without stroke or dots by whoever is in a hurry: teh marbuta is
        # written as heh, alef maksura as yeh.
        words = _WORD.findall(bare.replace("đ", "d").replace("\u0629", "\u0647").replace("\u0649", "\u064a"))
    return Folded(tuple(words), " ".join(words) + " ")


def has_letters(text: str) -> bool:
    """Say whether there is anything to read: a letter of any script."""
    return any(map(str.isalpha, text))


def listed(lines: str) -> list[str]:
    """Give the phrases of a list written in lines, parted by bars."""
    return lines.strip().replace("\n", "|").split("|")


class _Remembered(dict[str, Candidates]):
    """What a lexicon looked up of words: `functools.lru_cache` in effect, at half its cost a word."""

    def __init__(self, look_up: Callable[[str], Candidates]) -> None:
        super().__init__()
        self._look_up = look_up

    def __missing__(self, word: str) -> Candidates:
        if len(self) >= _REMEMBERED:
            self.clear()
        found = self[word] = self._look_up(word)
        return found


class Lexicon:
    """Lists of phrases that are looked for in texts together, one look-up a word."""

    def __init__(self) -> None:
        self._starting: defaultdict[str, list[tuple[str, str, int]]] = defaultdict(list)
        self._anywhere: defaultdict[str, list[tuple[str, str, int]]] = defaultdict(list)
        """Phrases of unspaced scripts by their first two signs, or the only one."""
        self._first_signs: set[str] = set()
        self._lists = 0
        self._beginning_with = _Remembered(self._look_up)

    def add(self, phrases: Iterable[tuple[str, bool]]) -> int:
        """Take up a list of phrases, each with whether it ends where a word does; give the list's number."""
        seen = set[str]()
        for phrase, whole in phrases:
            folded = fold(phrase)
            if not folded.words or folded.joined in seen:
                continue
            seen.add(folded.joined)
            last = folded.words[-1]
            short = last.isascii() and len(last) <= _KEY
            ends = whole or short or len(folded.joined) <= _KEY
            if _UNSPACED.match(folded.joined):
                bare = folded.joined.rstrip()
                self._anywhere[bare[:2]].append((bare, phrase, self._lists))
                self._first_signs.add(bare[0])
            else:
                bare, starting = folded.joined.rstrip(), self._starting[folded.words[0][:_KEY]]
                starting.append((folded.joined if ends else bare, phrase, self._lists))
                if short and not whole:
                    starting.append((f"{bare}s ", phrase, self._lists))
        self._beginning_with.clear()
        self._lists += 1
        return self._lists - 1

    def found_in(self, text: Folded) -> dict[int, Places]:
        """Note with the text, and give, by a list's number what of it is there, by place."""
        if (known := text.looked_up.get(self)) is not None:
            return known
        found = text.looked_up[self] = {}
        place, joined, beginning_with = 0, text.joined, self._beginning_with
        for word in text.words:
            if candidates := beginning_with[word]:
                for sought, phrase, number in candidates:
                    if not sought or joined.startswith(sought, place):
                        found.setdefault(number, []).append((place, phrase))
            place += len(word) + 1
        if not joined.isascii() and not self._first_signs.isdisjoint(joined):
            self._find_unspaced(joined, found)
        return found

    def _find_unspaced(self, joined: str, found: dict[int, Places]) -> None:
        for key in self._anywhere.keys() & {*joined, *map(concat, joined, joined[1:])}:
            for sought, phrase, number in self._anywhere[key]:
                if (place := joined.find(sought)) >= 0:
                    found.setdefault(number, []).append((place, phrase))
        for places in found.values():
            places.sort()

    def _look_up(self, word: str) -> Candidates:
        """Give the phrases that a text may hold where this word stands. Most words begin none; so few are compared."""
        found = []
        for sought, phrase, number in self._starting.get(word[:_KEY], ()):
            first, _, more = sought.partition(" ")
            if first == word or (first == sought and word.startswith(first)):
                found.append((sought if more else "", phrase, number))
        return tuple(found)


class Phrases:
    """Finds phrases at the beginning of words, whatever their case and accents.

    With `whole`, and of the phrases `also_whole`, a phrase ends where a word does; else it may go on (`gas leak` is in
    `gas leaks`), unless its last word has three Latin letters or less, with which too many words begin: then only by
    an s. In scripts without spaces a phrase is found anywhere. Of two phrases that fold alike the first is told. Lists
    that are asked for of the same texts share a lexicon.
    """

    def __init__(
        self,
        phrases: Iterable[str],
        *,
        whole: bool = False,
        also_whole: Iterable[str] = (),
        lexicon: Lexicon | None = None,
    ) -> None:
        self._lexicon = lexicon or Lexicon()
        self._number = self._lexicon.add([*((each, whole) for each in phrases), *((each, True) for each in also_whole)])

    @property
    def number(self) -> int:
        """The number of its list in the lexicon."""
        return self._number

    def places(self, text: Folded) -> Places:
        """Give what is in the text, and where, in its order."""
        found = text.looked_up.get(self._lexicon)
        return (self._lexicon.found_in(text) if found is None else found).get(self._number, _NOTHING)

    def found_in(self, text: Folded) -> tuple[str, ...]:
        """Give the phrases found, as they were given, in the order of the text, each once."""
        places = self.places(text)
        return tuple(dict.fromkeys([phrase for _, phrase in places])) if places else ()

    def begins(self, text: Folded, place: int = 0) -> bool:
        """Say whether the text begins with one of the phrases, there or after what comes before the place."""
        return any(there == place for there, _ in self.places(text))

    def end(self, text: Folded) -> int:
        """Give the place after the longest phrase with which the text begins; 0 if it begins with none."""
        begun = [len(fold(phrase).joined) for place, phrase in self.places(text) if not place]
        if not begun:
            return 0
        end = max(begun)
        # In an unspaced script what follows may be joined to the phrase.
        return end if text.joined[end - 1 : end] == " " else end - 1


class Patterns:
    """Finds phrases, and words that stand near each other: `gas + leak|smell` is in `a leak of the gas main`.

    The sides of a pattern stand in any order, at most `NEAR` signs apart; each of a side's alternatives is a phrase as
    those of `Phrases` are.
    """

    def __init__(
        self, patterns: Iterable[str], *, also_whole: Iterable[str] = (), lexicon: Lexicon | None = None
    ) -> None:
        self._spelt: dict[str, str] = {}
        self._plain: set[str] = set()
        self._sides: list[int] = []
        self._standing: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        """In which sides of which patterns a phrase stands."""
        self._partners: defaultdict[str, set[str]] = defaultdict(set)
        """What stands on the other sides of a phrase's patterns: without any of it in a text, no pattern is."""
        inflected, whole = (
            dict.fromkeys(word for each in some for word in self._learn(each)) for some in (patterns, also_whole)
        )
        self._words = Phrases(inflected, also_whole=whole, lexicon=lexicon)

    def _learn(self, pattern: str) -> Iterator[str]:
        sides = [[self._known(each) for each in side.split("|")] for side in pattern.split("+")]
        if len(sides) == 1:
            self._plain.update(sides[0])
        else:
            for side, words in enumerate(sides):
                partners = {word for other in (*sides[:side], *sides[side + 1 :]) for word in other}
                for word in words:
                    self._standing[word].append((len(self._sides), side))
                    self._partners[word] |= partners
            self._sides.append(len(sides))
        for words in sides:
            yield from words

    def _known(self, phrase: str) -> str:
        """Give the phrase as it was first spelt: the same words may stand in several languages."""
        return self._spelt.setdefault(fold(phrase).joined, phrase.strip())

    @property
    def number(self) -> int:
        """The number of the list of its words in the lexicon."""
        return self._words.number

    def found_in(self, text: Folded) -> tuple[str, ...]:
        """Give the phrases found as they were given, and of each pattern the words that no such phrase holds."""
        places = self._words.places(text)
        if not places:
            return ()
        found = dict.fromkeys([word for _, word in places if word in self._plain])
        if len(places) > 1 and (paired := self._paired(places)):
            plain = tuple(found)
            found.update(
                (" + ".join(words), None)
                for words in self._near(paired)
                if not any(all(word in phrase for word in words) for phrase in plain)
            )
        return tuple(found)

    def _paired(self, places: Places) -> Places:
        """Give those places of which the phrase has a partner anywhere; most have none."""
        words = {word for _, word in places}
        partners = self._partners
        return [(place, word) for place, word in places if word in partners and not partners[word].isdisjoint(words)]

    def _near(self, places: Places) -> Iterator[list[str]]:
        sides_seen: dict[int, int] = {}
        for _, word in places:
            for pattern, side in self._standing.get(word, ()):
                sides_seen[pattern] = sides_seen.get(pattern, 0) | 1 << side
        for pattern, seen in sides_seen.items():
            if seen + 1 == 1 << self._sides[pattern]:  # each of its sides is somewhere
                sides: defaultdict[int, Places] = defaultdict(list)
                for place, word in places:
                    for other, side in self._standing.get(word, ()):
                        if other == pattern:
                            sides[side].append((place, word))
                if words := _together(sides):
                    yield words


def _together(sides: Mapping[int, Places]) -> list[str]:
    """Give a word of each side, all near the one of the first; nothing if no such words stand together."""
    for place, word in sides[0]:
        near = [
            [other for there, other in sides[side] if 0 < abs(there - place) <= NEAR] for side in range(1, len(sides))
        ]
        if all(near):
            return [word, *(each[0] for each in near)]
    return []
