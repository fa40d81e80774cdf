"""How Stormdrain grows: more processes, more partitions, more open reports; and, on paper, ten million a day."""
