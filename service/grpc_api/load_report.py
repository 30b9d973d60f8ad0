"""What balancers are told of the load, with the end of every call."""

from rerank.v2.load_report_pb2 import LoadReport

from scheduler import Load

TRAILER = "endpoint-load-metrics-bin"
"""Where they look for it."""

_RATE = 1.0  # Not the true one, which would feed on itself: the .proto file says how.
_IDLE = 0.1


def report(load: Load) -> bytes:
    """Return what makes a server the less likely to get calls, the more work it holds."""
    return LoadReport(rps_fractional=_RATE, application_utilization=_IDLE + load.pressure).SerializeToString()
