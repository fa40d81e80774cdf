"""When an event was said, as far as it tells itself."""

from datetime import datetime

from services.events import DeliveryMade, Event, RequestReceived, ReviewMade


def said_at(event: Event, heard_at: datetime) -> datetime:
    """Give the instant that an event happened; for one that carries none, when it was heard of.

    What an event carries is the same at every redelivery. Of the others a redelivery after a crash is heard a little
    later than the first time: a request's `updated_at` may then move on though nothing changed, and never back.
    """
    if isinstance(event, RequestReceived):
        return event.report.received_at
    if isinstance(event, ReviewMade):
        return event.reviewed_at
    if isinstance(event, DeliveryMade):
        return event.delivered_at
    return heard_at
