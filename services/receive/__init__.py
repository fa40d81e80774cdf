"""HTTP -> requests.received.v1, contacts.received.v1: is this a report that the city can accept."""
