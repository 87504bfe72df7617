"""The follow-up messages of a task: errbacks after a failure, callbacks in any case."""

from . import failures


class FollowUps:
    """Runs a task together with the messages that its `errbacks` and `callbacks` hold."""

    def __init__(self, run, library, say, stop):
        """`run(message)` runs one task, `say(level, text)` reports, `stop(reason)` ends the worker."""
        self._run = run
        self._library = library
        self._say = say
        self._stop = stop

    def call(self, message):
        """Run the task, then its follow-ups; return its result or raise what it raised.

        Follow-ups get the task's uuid; their results are dropped, their failures reported. A
        DispatcherExit or a cancel in one of them skips the rest.
        """
        result = failure = None
        kinds = ("callbacks",)
        try:
            result = self._run(message)
        except self._library.Exit:
            raise
        except self._library.Cancel as exc:
            failure = exc
        except Exception as exc:
            failure = exc
            kinds = ("errbacks", "callbacks")
        for kind in kinds:
            if not self._follow(message, kind):
                break
        if failure is not None:
            raise failure
        return result

    def _follow(self, message, kind):
        """Run one list of follow-ups; return False when the rest is to be skipped."""
        items = message.get(kind) or []
        if type(items) is not list or not all(type(item) is dict for item in items):
            self._say("warning", "%s must be a list of messages: left out" % kind)
            return True
        for item in items:
            try:
                self.call(dict(item, uuid=message.get("uuid", "<unknown>")))
            except self._library.Exit:
                self._stop("a task of %s raised DispatcherExit" % kind)
                return False
            except self._library.Cancel as exc:
                failures.print_traceback(exc)
                return False
            except Exception as exc:
                failures.print_traceback(exc)
                self._say("error", "a task of %s: %s" % (kind, failures.describe(exc)))
        return True
