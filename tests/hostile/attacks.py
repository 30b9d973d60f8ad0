"""All attacks: importing this module registers them."""

from tests.hostile import (
    callers,
    files,
    grpc_messages,
    http1,
    http1_bodies,
    http2_frames,
    http2_streams,
    logs,
    slowhttptest,
    tls,
)
from tests.hostile.attack import ATTACKS, Attack

MODULES = (*(grpc_messages, http2_frames, http2_streams, http1, http1_bodies, tls, files, logs, callers, slowhttptest),)
"""The modules of the attacks, in the order of the table."""
__all__ = ["ATTACKS", "MODULES", "Attack"]
