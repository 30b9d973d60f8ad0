"""The device that runs the model."""

from enum import StrEnum, auto


class Provider(StrEnum):
    """Execution provider of ONNX Runtime."""

    CPU = auto()
    CUDA = auto()
