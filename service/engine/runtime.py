"""ONNX Runtime, imported in one place with its telemetry disabled.

From 1.29 on it sends usage data: it writes an id and a database to the home directory, and resolves a host of
Microsoft. It reads the variable at import.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort

__all__ = ["ort"]
