"""Addresses, HTTP servers, TLS, and files that are reloaded when they change."""
