"""The load report for client-side balancers, in the trailers of every call."""

from rerank.v2.load_report_pb2 import LoadReport

from scheduler import Load

TRAILER = "endpoint-load-metrics-bin"
"""The trailer's key, as defined by ORCA."""

_RATE = 1.0  # Constant: the true rate would feed back into the balancer; see the .proto file.
_IDLE = 0.1


def report(load: Load) -> bytes:
    """Return the serialised report; balancers send fewer calls to a server with a higher utilisation."""
    return LoadReport(rps_fractional=_RATE, application_utilization=_IDLE + load.pressure).SerializeToString()
