"""Metrics, log lines and spans; the admin port."""
