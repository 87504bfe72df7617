"""Prints, and starts a thread that lives as long as the process."""

import sys
import threading

sys.stdout.write("half a line")
threading.Thread(target=threading.Event().wait, name="lonely", daemon=True).start()
