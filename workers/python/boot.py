"""Starts the fork server; the supervisor runs this file with the project's python."""

import os
import sys


def main():
    """Load the runtime from beside this file, then leave the front of sys.path to the project.

    Afterwards this directory stands at the end of sys.path: a `dispatcherd` library that the
    environment holds wins, and ours is found only when there is none.
    """
    home = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [home] + [entry for entry in sys.path if os.path.realpath(entry or ".") != home]
    from dispatcherd_worker import forkserver

    sys.path.remove(home)
    sys.path.append(home)
    forkserver.main(home)


# multiprocessing's "spawn" imports the main file of its parent again, in a task's children.
if __name__ == "__main__":
    main()
