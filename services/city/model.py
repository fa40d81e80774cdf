"""A town as the workers see it, after `services.city.load` has read its directory and found no fault.

All times of day are in the city's own time zone; places are WGS 84 degrees, distances metres, durations as named.
"""

from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from services.parts import Mode


class Question(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An Open311 service attribute: something more to ask for a category."""

    code: str
    prompt: str
    datatype: str = "string"
    """One of string, number, datetime, text, singlevaluelist, multivaluelist."""
    required: bool = False
    values: tuple[str, ...] = ()


class Family(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Categories that may be one incident, and how near in place and time two of its reports must be."""

    id: str
    name: str = ""
    match_radius_m: float = 50.0
    match_spread_m: float = 0.0
    """How far from its first report an incident may reach; 0: four times the radius."""
    match_window_hours: float = 72.0


class Category(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A service a citizen can ask for."""

    service_code: str
    name: str
    family: str
    description: str = ""
    keywords: tuple[str, ...] = ()
    examples: dict[str, tuple[str, ...]] = {}
    """Phrases by language (BCP 47)."""
    questions: tuple[Question, ...] = ()
    safety: bool = False
    """Reports of it may concern life and limb."""
    safety_words: dict[str, tuple[str, ...]] = {}
    """Phrases by language that say so, in a report of any category; in `gas + smell|leak` `gas` near one of the two."""
    base_points: float = 20.0
    """Where the priority score starts, 0 to 100."""
    promised_hours: float = 120.0
    public: bool = True


AcrossBoundary = Literal["hold", "larger", "ask"]
"""What becomes of a report whose circle lies with two departments: see `Policy.boundary`."""


class Near(Struct, frozen=True, kw_only=True):
    """An asset of a kind no further away than this."""

    asset: str
    """A key of `City.assets`."""
    within_m: float


class Rule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a department takes. Every condition that is set must hold; `services.city.precedence` says which wins."""

    id: str
    department: str
    service_codes: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    layer: str = ""
    areas: tuple[str, ...] = ()
    """Area ids of `layer`; empty with a layer set: any area of it."""
    within_m: float = 0.0
    """How far from these areas or lines of `layer` a place may lie; 0: it lies in the area itself."""
    near: Near | None = None
    hours: str = ""
    """For instance `Mo-Fr 08:00-17:00`; empty: always."""
    safety: bool | None = None
    """Whether the text speaks of danger to life; None: either way."""
    urgent: bool | None = None
    """Whether the writer says that it is urgent, in so many words; None: either way."""


class Department(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who does the work, and in which system it is told so."""

    id: str
    """Lower case letters, digits and hyphens: it names the topic `cases.<id>.v1`."""
    name: str
    system: str
    """A key of `City.systems`."""
    contact: str = ""


class Referral(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whom to ask instead, for a place that is not the city's."""

    ask: str
    contact: str = ""


class Outside(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whom to ask instead beyond the limits: by the area of a layer that holds the place, else whoever is the rule."""

    default: Referral | None = None
    layer: str = ""
    areas: dict[str, Referral] = {}

    def at(self, area_id: str) -> Referral | None:
        """Give whom to ask for a place in an area of `layer`; empty: in none of them."""
        return self.areas.get(area_id, self.default)


class System(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A department's system of record. Addresses and secrets come from the environment, never from city files."""

    id: str
    kind: str = "sandbox"
    """Which connector of `deliver` speaks to it."""
    max_per_second: float = 0.0
    """0: no limit."""


class Policy(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What may go out without a person. `categories` overrides `mode` by service code."""

    mode: Mode = "supervised"
    """copilot: everything is held; supervised: held unless sure; automatic: released unless it cannot be."""
    categories: dict[str, Mode] = {}
    target_precision: float = 0.95
    min_confidence: float = 0.0
    """A floor under the model's own thresholds."""
    hold_outside: bool = True
    hold_without_place: bool = True
    hold_beyond_m: float = 500.0
    """A place that may be further off than this is none that a crew could be sent to."""
    release_life_safety: bool = True
    """A life-safety report goes out at once, whatever its confidence."""
    boundary: AcrossBoundary = "hold"
    """hold: a person decides; larger: the department with the larger share of the circle; ask: a person asks who
    reported it."""
    approvers: dict[str, tuple[str, ...]] = {}
    """Who may approve, by department id; `*` stands for all departments. A department named nowhere: anyone."""


class Area(Struct, frozen=True, kw_only=True):
    """One polygon of a layer, or one line of it."""

    area_id: str
    name: str
    geometry: BaseGeometry


class Layer(Struct, frozen=True, kw_only=True):
    """One edition of a layer: a boundary file. `version` is the hash of its content (12 hex digits)."""

    id: str
    version: str
    areas: tuple[Area, ...]
    limits: bool = False
    """This layer's union is the city itself."""
    effective: str = ""
    """The day from which these lines are valid, an ISO date on the city's calendar; empty: from the beginning."""
    lines: tuple[Area, ...] = ()
    """What the file has as lines, such as roads by their middle: nothing lies in them, but within metres of them."""


class Street(Struct, frozen=True, kw_only=True):
    """A named street and its line or lines; an empty line where only the name is known."""

    name: str
    line: BaseGeometry


class Assets(Struct, frozen=True, kw_only=True, eq=False):
    """All the city's things of one kind, such as its hydrants: parallel arrays, WGS 84 degrees."""

    kind: str
    ids: tuple[str, ...]
    longitude: NDArray[np.float64]
    latitude: NDArray[np.float64]
    criticality: NDArray[np.float64]
    """On the town's own scale, NaN where it says nothing."""
    service_codes: tuple[str, ...] = ()
    """The categories whose reports are about one of these."""
    within_m: float = 30.0
    """How far from the place of such a report it may stand."""


class StreetName(Struct, frozen=True, kw_only=True):
    """A street as the house numbers' file has it; `zip` and `quarter` tell two of one name apart."""

    name: str
    zip: str = ""
    quarter: str = ""


class HouseNumbers(Struct, frozen=True, kw_only=True):
    """A town's house numbers, one row each; `street` and `suffix` are places in `streets` and `suffixes`."""

    streets: tuple[StreetName, ...]
    suffixes: tuple[str, ...]
    """In capitals; the first is empty."""
    street: NDArray[np.int32]
    number: NDArray[np.int32]
    suffix: NDArray[np.int32]
    longitude: NDArray[np.float64]
    latitude: NDArray[np.float64]


class Landmark(Struct, frozen=True, kw_only=True):
    """A place known by its name: a point or an area."""

    name: str
    geometry: BaseGeometry


class City(Struct, frozen=True, kw_only=True):
    """All that a town has said about itself. `version` is the hash of all its files (12 hex digits).

    Files that do not make it what it is are left out of the hash: its README and a model trained for it.
    """

    name: str
    jurisdiction_id: str
    time_zone: str
    languages: tuple[str, ...]
    """BCP 47; the first is the town's main one."""
    extent: tuple[float, float, float, float]
    """West, south, east, north."""
    categories: dict[str, Category]
    families: dict[str, Family]
    departments: dict[str, Department]
    systems: dict[str, System]
    rules: tuple[Rule, ...]
    default_department: str
    layers: tuple[Layer, ...]
    """All editions of all layers."""
    policy: Policy
    version: str
    invented: bool = False
    holidays: tuple[str, ...] = ()
    """ISO dates."""
    streets: tuple[Street, ...] = ()
    """By name; empty where the town has given none."""
    assets: dict[str, Assets] = {}
    """By kind; empty where the town has given none."""
    outside: Outside | None = None
    house_numbers: HouseNumbers | None = None
    landmarks: tuple[Landmark, ...] = ()
    address_languages: tuple[str, ...] = ()
    """By whose conventions streets are written (BCP 47); empty: the town's main language."""
    ranking: bool = False
    """What no rule takes goes to whoever the ranking in `routes` finds responsible, if it is sure."""
    path: str = ""

    def layers_on(self, day: str) -> tuple[Layer, ...]:
        """Give the edition of each layer that is valid on a day, an ISO date on the city's calendar."""
        valid: dict[str, Layer] = {}
        for layer in self.layers:
            earlier = valid.get(layer.id)
            if layer.effective <= day and (earlier is None or earlier.effective < layer.effective):
                valid[layer.id] = layer
        return tuple(valid.values())

    def changes(self) -> tuple[str, ...]:
        """Give the days on which other lines come into effect, ISO dates in their order."""
        return tuple(sorted({layer.effective for layer in self.layers if layer.effective}))
