"""The worker runtime of dispatcherd: a fork server, and the loop that runs one task at a time."""
