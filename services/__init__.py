"""Stormdrain: a city's non-emergency reports, from the curb to the crew, over Kafka topics."""
