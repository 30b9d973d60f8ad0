"""The error of a model that cannot be served."""


class ModelError(Exception):
    """The model cannot be served; the message names the reason and the remedy for the operator."""
