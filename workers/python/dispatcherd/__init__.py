"""The library that a project marks its tasks with, for environments that hold no other `dispatcherd`."""
