"""A library that has no settings."""
