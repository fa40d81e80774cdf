"""requests.classified.v1 -> requests.routed.v1: whose a report is, and why."""
