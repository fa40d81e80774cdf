"""The runtime against a bare loop: the same records through both, in turn, on one broker."""
