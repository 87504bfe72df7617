"""The control commands: what each is for and which arguments it takes, for programs that offer them.

`__all__` are the commands that an operator may give. The arguments stand in a docstring below
`Control Args:`, as YAML, and `dispatcherd.cli` reads them from there. The daemon answers the
commands; to send one, use `dispatcherd.control.Control`.
"""

from __future__ import annotations

from typing import Any, Dict, Optional

__all__ = ["running", "cancel", "alive", "aio_tasks", "workers", "producers", "metrics", "main", "status", "chunks",
           "set_log_level", "memory", "memory_offenders", "tasks", "task", "history", "drain",
           "reload"]

Reply = Dict[str, Any]


def _in_daemon(command: str) -> RuntimeError:
    return RuntimeError(
        "the control command %s is answered by the dispatcherd daemon: send it with dispatcherd.control.Control" % command)


async def running(dispatcher: Any = None, data: Optional[Reply] = None) -> Reply:
    """List the tasks that run or wait

    Control Args:
        task:
            type: str
            help: Only tasks of this name.
        uuid:
            type: str
            help: Only the task with this uuid.
    """
    raise _in_daemon("running")


async def cancel(dispatcher: Any = None, data: Optional[Reply] = None) -> Reply:
    """Cancel tasks that run or wait

    Without an argument it cancels every one.

    Control Args:
        task:
            type: str
            help: Only tasks of this name.
        uuid:
            type: str
            help: Only the task with this uuid.
    """
    raise _in_daemon("cancel")


async def alive(dispatcher: Any = None, data: Optional[Reply] = None) -> Reply:
    """Ask which daemons answer"""
    raise _in_daemon("alive")


async def aio_tasks(dispatcher: Any = None, data: Optional[Reply] = None) -> Reply:
    """Show the stacks of what runs at once in the daemon

    Control Args:
        limit:
            type: int
            help: How many lines of each stack, counted from its innermost.
    """
    raise _in_daemon("aio_tasks")


async def workers(dispatcher: Any = None, data: Optional[Reply] = None) -> Reply:
    """List the workers and what each is doing

    Control Args:
        usage:
            type: bool
            help: Whether to measure what each takes.
    """
    raise _in_daemon("workers")


async def producers(dispatcher: Any = None, data: Optional[Reply] = None) -> Reply:
    """List the sources of tasks"""
    raise _in_daemon("producers")


async def metrics(dispatcher: Any = None, data: Optional[Reply] = None) -> Reply:
    """Show the figures of the metrics server"""
    raise _in_daemon("metrics")


async def run(dispatcher: Any = None, data: Optional[Reply] = None) -> Reply:
    """Submit a task: the data is its message

    A bound task starts others with it, and a client learns that its task has been accepted.
    """
    raise _in_daemon("run")


async def main(dispatcher: Any = None, data: Optional[Reply] = None) -> Reply:
    """Show the counters of the daemon and its pool"""
    raise _in_daemon("main")


async def chunks(dispatcher: Any = None, data: Optional[Reply] = None) -> Reply:
    """Show the messages of which parts are still missing"""
    raise _in_daemon("chunks")


async def status(dispatcher: Any = None, data: Optional[Reply] = None) -> Reply:
    """Show what all commands tell that only read"""
    raise _in_daemon("status")


async def set_log_level(dispatcher: Any = None, data: Optional[Reply] = None) -> Reply:
    """Change the level of the daemon's log

    Control Args:
        level:
            type: str
            required: true
            choices: [DEBUG, INFO, WARNING, ERROR, CRITICAL]
            help: The new level.
    """
    raise _in_daemon("set_log_level")


async def memory(dispatcher: Any = None, data: Optional[Reply] = None) -> Reply:
    """Show how much memory the daemon and each worker take"""
    raise _in_daemon("memory")


async def memory_offenders(dispatcher: Any = None, data: Optional[Reply] = None) -> Reply:
    """List the tasks whose workers take the most memory

    Control Args:
        limit:
            type: int
            help: How many to show, 10 if not given.
        group_by:
            type: str
            choices: [type]
            help: What one entry is about, type is the name of the task.
    """
    raise _in_daemon("memory_offenders")


async def tasks(dispatcher: Any = None, data: Optional[Reply] = None) -> Reply:
    """Count the tasks by where they stand and how they ended"""
    raise _in_daemon("tasks")


async def task(dispatcher: Any = None, data: Optional[Reply] = None) -> Reply:
    """Show where the runs with a uuid stand, or how they ended

    Control Args:
        uuid:
            type: str
            required: true
            help: The label of the task.
    """
    raise _in_daemon("task")


async def history(dispatcher: Any = None, data: Optional[Reply] = None) -> Reply:
    """List the tasks that ended last

    Control Args:
        task:
            type: str
            help: Only tasks of this name.
        outcome:
            type: str
            choices: [succeeded, failed, cancelled, timed_out, oom_killed, killed, exited, crashed, lost, abandoned, discarded, rejected]
            help: Only those that ended so.
        limit:
            type: int
            help: How many to show, 100 if not given.
    """
    raise _in_daemon("history")


async def drain(dispatcher: Any = None, data: Optional[Reply] = None) -> Reply:
    """Take nothing new, or take tasks again

    Control Args:
        resume:
            type: bool
            help: Whether tasks are taken again.
    """
    raise _in_daemon("drain")


async def reload(dispatcher: Any = None, data: Optional[Reply] = None) -> Reply:
    """Read the configuration again"""
    raise _in_daemon("reload")
