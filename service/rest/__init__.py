"""The REST API: JSON to requests and back, errors to HTTP statuses; one file for each form of body."""
