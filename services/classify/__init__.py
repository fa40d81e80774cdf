"""requests.received.v1 -> requests.classified.v1: what a report is about, how sure that is, and what else it says."""
