"""What `stormdrain evaluate` shows of a model: the table, and a page to look at."""
