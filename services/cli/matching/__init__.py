"""Past reports of which it is known whether they are duplicates: read, learned from, and judged by."""
