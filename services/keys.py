"""By what events stay in order: records of one key stay in order on one partition.

These are put beside `Event`. They hold no fields: those of a base class come after the event's own in JSON.
"""

from typing import Protocol

from services.parts import Report

TOWN = "town"
"""The key of a report that names no jurisdiction: there is one town."""


class _Reported(Protocol):
    @property
    def report(self) -> Report: ...


class _Named(Protocol):
    @property
    def request_id(self) -> str: ...


class ByReport:
    """For events that carry a report, and of which each request has its own order."""

    __slots__ = ()

    @property
    def key(self: _Reported) -> str:
        """Keyed by request."""
        return self.report.request_id


class ByRequest:
    """For events that name a request."""

    __slots__ = ()

    @property
    def key(self: _Named) -> str:
        """Keyed by request; compacted, the newest word is the state."""
        return self.request_id


class ByTown:
    """For events that carry a report, and of which all that could be one incident meet on one partition."""

    __slots__ = ()

    @property
    def key(self: _Reported) -> str:
        """Keyed by town (docs/adr/0025)."""
        return self.report.jurisdiction_id or TOWN
