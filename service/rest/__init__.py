"""The REST API: JSON to requests and back, errors to HTTP; one file for each form of the body."""
