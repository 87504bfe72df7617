"""The library that a project marks, publishes and steers its tasks with."""


def run_service() -> None:
    """Run the dispatcherd daemon, with the settings that `dispatcherd.config.setup` was given.

    Does not return: the daemon takes this process over, ends on SIGTERM or SIGINT, and its exit
    code is that of the process. Only where the process has other threads, which go on, the daemon
    is its child: those signals are handed on, and this returns when the daemon has ended, or raises
    SystemExit with its exit code if that is not 0.

    Raises RuntimeError without settings, without the program, and in another thread than the main
    one, TypeError for a setting that is no JSON.
    """
    from .service.handover import run_daemon

    run_daemon()
