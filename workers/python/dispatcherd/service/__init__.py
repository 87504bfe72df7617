"""The service as Python sees it: the daemon is another program, which is started from here."""
