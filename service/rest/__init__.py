"""The REST API: JSON to messages and back, errors to HTTP; one file for each form of the body."""

from service.rest.app import create_app

__all__ = ["create_app"]
