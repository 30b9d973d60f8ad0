"""ONNX Runtime, imported in one place, so that it starts silent.

From 1.29 on it sends usage data: it writes an id and a database below the home, and looks up a host of Microsoft's.
The variable has an effect only before the import.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort

__all__ = ["ort"]
