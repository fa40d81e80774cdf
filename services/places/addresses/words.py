"""How addresses are written: what is to be known of a language, and of a city that has more than one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType


@dataclass(frozen=True)
class Convention:
    """One language's way of writing addresses."""

    kinds: Mapping[str, str]
    """Words and abbreviations for a kind of street, to the full word."""
    kind_last: bool
    """The kind stands behind the name, as in Main Street; else before it, as in Via Roma."""
    number_first: bool
    glued: tuple[str, ...] = ()
    """Kinds that are written together with the name, as in Hauptstrasse."""
    directions: Mapping[str, str] = field(default_factory=dict)
    saints: frozenset[str] = frozenset()
    particles: frozenset[str] = frozenset()
    numerals: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    """Abbreviations inside names, as in Dr or Prof."""
    roman: bool = True
    """Numerals are also written as IV or XX."""
    joins: frozenset[str] = frozenset()
    """Words between the two streets of a crossing."""
    relations: tuple[str, ...] = ()
    """Words before a landmark or crossing, which say nothing but that it is near."""
    units: frozenset[str] = frozenset()
    """Words before a flat, floor or staircase."""
    numbering: frozenset[str] = frozenset()
    """Words before a house number."""

    @cached_property
    def kind_words(self) -> frozenset[str]:
        """All full words for a kind of street."""
        return frozenset(self.kinds.values())


ANY = Convention(kinds=MappingProxyType({}), kind_last=False, number_first=False)
"""For a language that is not in the table: names as they are written, numbers at either end."""


def merged(known: Sequence[Convention]) -> Convention:
    """Give the convention of a city that has several languages; the first goes before."""
    first = known[0]
    return Convention(
        kinds=_joined(each.kinds for each in known),
        kind_last=first.kind_last,
        number_first=first.number_first,
        glued=tuple(dict.fromkeys(word for each in known for word in each.glued)),
        directions=_joined(each.directions for each in known),
        saints=frozenset().union(*(each.saints for each in known)),
        particles=frozenset().union(*(each.particles for each in known)),
        numerals=_joined(each.numerals for each in known),
        titles=_joined(each.titles for each in known),
        roman=any(each.roman for each in known),
        joins=frozenset().union(*(each.joins for each in known)),
        relations=tuple(dict.fromkeys(phrase for each in known for phrase in each.relations)),
        units=frozenset().union(*(each.units for each in known)),
        numbering=frozenset().union(*(each.numbering for each in known)),
    )


def _joined(tables: Iterable[Mapping[str, str]]) -> Mapping[str, str]:
    joined: dict[str, str] = {}
    for table in tables:
        for short, word in table.items():
            joined.setdefault(short, word)
    return joined
