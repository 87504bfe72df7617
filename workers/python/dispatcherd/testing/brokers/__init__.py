"""Brokers that reach nobody, for tests and debugging."""
