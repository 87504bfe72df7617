"""The library that a project marks, publishes and steers its tasks with."""


def run_service() -> None:
    """Become the dispatcherd daemon, with the settings that `dispatcherd.config.setup` was given.

    Does not return: the daemon takes this process over, ends on SIGTERM or SIGINT, and its exit
    code is that of the process. Raises RuntimeError without settings, without the program, and in
    another thread than the main one, TypeError for a setting that is no JSON.
    """
    from .service.handover import become_daemon

    become_daemon()
