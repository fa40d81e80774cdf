"""How like two reports are: what of them is compared, in columns, and a calibrated score with its reasons.

Used by `match`, and by what trains and measures it. Pure: no events, no clock, no Kafka.
"""
