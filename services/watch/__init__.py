"""requests.matched.v1 -> surges.detected.v1, kpis.measured.v1: surges, and how many of what."""
