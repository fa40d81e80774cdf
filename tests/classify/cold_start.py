"""Which of a city's own categories a category of the shipped town may stand for; what has no counterpart is left out.

A cold start is a first hour without a history: the model has read the shipped town's phrases, and no report of the
city. Where the city is coarser (Konstanz has six categories), many become one; where the shipped town is coarser, any
of several is right.
"""

Mapping = dict[str, frozenset[str]]


def _of(**codes: str) -> Mapping:
    return {code.replace("_", "-"): frozenset(names.split("; ")) for code, names in codes.items()}


NEW_HAVEN = _of(
    pothole="Potholes",
    sidewalk="Sidewalks and Curb damage",
    street_light="Street Lamp",
    traffic_signal="Traffic Signal / Pedestrian Signal",
    street_sign="Signs / Bus Shelters / Pavement Markings",
    storm_drain="Public Space, Streets and Drains",
    street_flooding="Public Space, Streets and Drains",
    water_leak="Public Space, Streets and Drains",
    sewer_backup="Public Space, Streets and Drains",
    tree_down="Tree Trimming",
    tree_care="Tree Trimming",
    missed_collection="Trash & Recycling; Bins for Trash & Recycling",
    illegal_dumping="Illegal Dumping",
    litter_bin="Street Sweeping; Trash & Recycling; Public Space, Streets and Drains",
    noise="Policing Issue",
    graffiti="Graffiti",
    loose_animal="Policing Issue; Health Complaints",
    park_repair="Parks Request",
    no_heat="Health Complaints; Private Property Issue",
    unsafe_building="Private Property Issue",
    abandoned_vehicle="Parking Violation/Abandoned Auto",
    illegal_parking="Parking Violation/Abandoned Auto; Parking Meter",
    snow_ice="Public Space, Streets and Drains; Sidewalks and Curb damage",
    sinkhole="Potholes; Public Space, Streets and Drains",
)
STREETS, GREEN, WASTE = "Strassen, Fahrrad & Verkehr", "Pflanzenwuchs", "Muell/Sauberkeit"
LIGHT, PUBLIC = "Beleuchtung", "Oeffentliche Orte/Ufer"
KONSTANZ = _of(
    pothole=STREETS,
    sidewalk=STREETS,
    street_light=LIGHT,
    traffic_signal=STREETS,
    street_sign=STREETS,
    storm_drain=STREETS,
    street_flooding=STREETS,
    tree_down=GREEN,
    tree_care=GREEN,
    missed_collection=WASTE,
    illegal_dumping=WASTE,
    litter_bin=WASTE,
    graffiti=f"{PUBLIC}; {STREETS}",
    park_repair=PUBLIC,
    abandoned_vehicle=f"{STREETS}; {WASTE}",
    illegal_parking=STREETS,
    snow_ice=STREETS,
    sinkhole=STREETS,
)
