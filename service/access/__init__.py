"""Authentication, rate limits and the deny-list."""
