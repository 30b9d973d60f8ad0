"""All attacks: importing this module registers them."""

from tests.hostile import grpc_messages, http2_frames, http2_streams
from tests.hostile.attack import ATTACKS, Attack

__all__ = ["ATTACKS", "Attack", "grpc_messages", "http2_frames", "http2_streams"]
