"""The REST API: decodes requests, encodes answers and errors; one module for each form of the body."""
