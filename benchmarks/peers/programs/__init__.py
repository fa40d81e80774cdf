"""One program for each side, started in an environment of its own with a `Job` as its argument."""
