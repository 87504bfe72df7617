"""A project for the host tests."""
