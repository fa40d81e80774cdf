"""requests.matched.v1, surges.detected.v1, context.updated.v1 -> requests.prioritized.v1: how soon, and why."""
