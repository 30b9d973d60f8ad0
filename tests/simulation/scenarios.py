"""All scenarios by name."""

from collections.abc import Callable

from tests.simulation import abuse, faults, overload, sharing, urgency
from tests.simulation.bench import Bench
from tests.simulation.result import Result

SCENARIOS: dict[str, Callable[[Bench], Result]] = {
    "S1": overload.s1,
    "S2": urgency.s2,
    "S3": urgency.s3,
    "S4": overload.s4,
    "S5": overload.s5,
    "S5x10": overload.s5_tenfold,
    "S5wide": overload.s5_wide,
    "S6": overload.s6,
    "S7": urgency.s7,
    "S8": urgency.s8,
    "S9": urgency.s9,
    "S10": overload.s10,
    "S11": abuse.s11,
    "S12": sharing.s12,
    "S13": sharing.s13,
    "S14": urgency.s14,
    "S15": urgency.s15,
    "S16": abuse.s16,
    "S17": abuse.s17,
    "S18": abuse.s18,
    "S20": abuse.s20,
    "F2": faults.f2,
    "F3": faults.f3,
    "F4": faults.f4,
    "F5": faults.f5,
    "F6": faults.f6,
    "F7": faults.f7,
    "F8": faults.f8,
    "F13": faults.f13,
}
