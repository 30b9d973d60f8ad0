"""Addresses, HTTP servers, TLS, and files that are read again when they change."""
