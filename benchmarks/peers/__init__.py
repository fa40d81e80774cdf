"""The race: the same job done by Stormdrain's runtime and by other stream processors, in turn, on one broker."""
