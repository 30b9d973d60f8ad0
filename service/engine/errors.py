"""The error of a model that cannot be served."""


class ModelError(Exception):
    """A model directory that cannot be served; the message says why, in words for the operator."""
