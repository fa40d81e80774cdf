"""A city's own streets, house numbers, crossings and landmarks: found from what a citizen wrote, and from a point."""
