"""All scenarios by name."""

from collections.abc import Callable

from tests.simulation import abuse, faults, large, overload, sharing, urgency
from tests.simulation.bench import Bench
from tests.simulation.result import Result

SCENARIOS: dict[str, Callable[[Bench], Result]] = {
    "rising_load": overload.rising_load,
    "urgent_at_80_percent": urgency.urgent_at_80_percent,
    "urgent_at_90_percent": urgency.urgent_at_90_percent,
    "urgent_overload": overload.urgent_overload,
    "mix_at_1x": overload.mix_at_1x,
    "mix_at_4x": overload.mix_at_4x,
    "mix_at_10x": overload.mix_at_10x,
    "mix_with_classes": overload.mix_with_classes,
    "bulk_and_urgent": overload.bulk_and_urgent,
    "five_among_a_thousand": urgency.five_among_a_thousand,
    "long_queue": urgency.long_queue,
    "thousand_lanes": urgency.thousand_lanes,
    "large_requests": large.large_requests,
    "burst": overload.burst,
    "retries": abuse.retries,
    "unequal_clients": sharing.unequal_clients,
    "returning_client": sharing.returning_client,
    "lone_client": sharing.lone_client,
    "flood": sharing.flood,
    "two_lengths": urgency.two_lengths,
    "very_long_pairs": urgency.very_long_pairs,
    "infeasible_deadlines": abuse.infeasible_deadlines,
    "no_deadlines": abuse.no_deadlines,
    "mostly_refusals": abuse.mostly_refusals,
    "wrong_costs": abuse.wrong_costs,
    "hanging_worker": faults.hanging_worker,
    "slow_worker": faults.slow_worker,
    "poisonous_pairs": faults.poisonous_pairs,
    "missing_scores": faults.missing_scores,
    "pause": faults.pause,
    "mass_cancellation": faults.mass_cancellation,
    "cancelled_while_running": faults.cancelled_while_running,
    "stop_under_load": faults.stop_under_load,
}
