"""How large the Earth is, for all that measures on it."""

from math import pi

EARTH_M = 6_371_008.8
"""Its mean radius (IUGG), metres."""
METRES_PER_DEGREE = EARTH_M * pi / 180
"""One degree along a meridian."""
