"""The device that runs the model."""

from enum import StrEnum, auto


class Provider(StrEnum):
    """What does the arithmetic."""

    CPU = auto()
    CUDA = auto()
