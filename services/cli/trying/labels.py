"""What a row calls its category, taken as one of a city's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.city.history import slug
from services.city.model import City
from services.parts import Classification

UNTOLD: Final = "unclassified"
"""Category and family of a row that names none."""


class Labels:
    """The categories of one city by code and by name, whatever the signs and the case.

    A category that the city does not have stays what it is called, in a family of its own. `mapped` gives a city's
    code for what others call a category, by `slug` of that.
    """

    def __init__(self, city: City, mapped: Mapping[str, str] | None = None, said_by: str = "stormdrain try") -> None:
        self._city = city
        self._said_by = said_by
        self._mapped = mapped or {}
        self._codes = {
            key: category.service_code
            for category in city.categories.values()
            for key in (slug(category.name), slug(category.service_code), category.service_code)
        }

    def code(self, label: str) -> str:
        """Give the code for a label, which may be none of the city's; empty for a label without letters."""
        plain = slug(label)
        mapped = self._mapped.get(plain, "")
        return mapped or self._codes.get(label) or self._codes.get(plain) or plain

    def classification(self, label: str) -> Classification:
        """Give the classification of a report that nobody has classified but by this label; it may be empty."""
        code = self.code(label)
        known = self._city.categories.get(code)
        if not code:
            reason = "not classified, and the row names no category"
        elif known is None:
            reason = "not classified: the row's own category, which the city does not have"
        else:
            reason = "not classified: the row's own category"
        return Classification(
            service_code=code or UNTOLD,
            family=known.family if known else code or UNTOLD,
            confidence=1.0 if code else 0.0,
            reason=reason,
            model=self._said_by,
        )
