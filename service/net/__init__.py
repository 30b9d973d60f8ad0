"""Addresses, HTTP servers, TLS, and reloading files."""
