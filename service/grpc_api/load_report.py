"""The load report (ORCA) that balancers read in the trailers of every call."""

from rerank.v2.load_report_pb2 import LoadReport

from scheduler import Load

TRAILER = "endpoint-load-metrics-bin"
"""Its key."""

_RATE = 1.0  # Not the true one: balancers weigh by it, so that a server with more calls got more.
_IDLE = 0.1  # Reported by an idle server: a utilisation of 0 would hide the report.


def report(load: Load) -> bytes:
    """Return the report, by which a server with more work gets fewer calls."""
    return LoadReport(rps_fractional=_RATE, application_utilization=_IDLE + load.pressure).SerializeToString()
