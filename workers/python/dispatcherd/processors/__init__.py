"""The options that a message carries for one step of the daemon each."""
