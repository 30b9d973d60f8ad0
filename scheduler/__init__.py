"""Priority lanes, dynamic batching and load shedding for pairs of known size; knows nothing of text or tensors."""

from scheduler.clock import Cancellable, Clock, LoopClock
from scheduler.core import Scheduler
from scheduler.cost import CostModel, Sample
from scheduler.dispatcher import BatchReport, Dispatcher
from scheduler.errors import Displaced, Draining, Expired, Oversized, Refused, SchedulerError, ScoringFailed, Shed
from scheduler.pending import JobResult
from scheduler.policy import CLIENT_SHARE_MIN, GUARANTEED_SHARE_MAX, LANES, Policy
from scheduler.values import Amount, Batch, Drop, Job, Load, Reason, Refusal, Slice, Step
from scheduler.worker import Abort, Scores

__all__ = [
    "CLIENT_SHARE_MIN",
    "GUARANTEED_SHARE_MAX",
    "LANES",
    "Abort",
    "Amount",
    "Batch",
    "BatchReport",
    "Cancellable",
    "Clock",
    "CostModel",
    "Dispatcher",
    "Displaced",
    "Draining",
    "Drop",
    "Expired",
    "Job",
    "JobResult",
    "Load",
    "LoopClock",
    "Oversized",
    "Policy",
    "Reason",
    "Refusal",
    "Refused",
    "Sample",
    "Scheduler",
    "SchedulerError",
    "Scores",
    "ScoringFailed",
    "Shed",
    "Slice",
    "Step",
]
