"""Tasks that must not fail unseen, and waits with names."""

import asyncio
import unittest

from dispatcherd.service import asyncio_tasks


async def _fail():
    raise ValueError("boom")


class Fatal(unittest.IsolatedAsyncioTestCase):
    async def test_a_failure_sets_the_event_and_is_raised(self):
        shared = asyncio_tasks.SharedAsyncObjects()
        self.assertFalse(shared.forking_and_connecting_lock.locked())
        raised = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: raised.append(context["exception"]))
        asyncio_tasks.ensure_fatal(asyncio.ensure_future(_fail()), shared.exit_event)
        await asyncio.wait_for(shared.exit_event.wait(), 10)
        self.assertEqual([str(exc) for exc in raised], ["boom"])

    async def test_a_failure_of_before_is_raised_at_once(self):
        task = asyncio.ensure_future(_fail())
        await asyncio.wait([task])
        event = asyncio.Event()
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        with self.assertRaisesRegex(ValueError, "boom"):
            asyncio_tasks.ensure_fatal(task, event)
        self.assertTrue(event.is_set())

    async def test_success_and_cancellation_set_nothing(self):
        event = asyncio.Event()
        ended = asyncio_tasks.ensure_fatal(asyncio.ensure_future(asyncio.sleep(0)), event)
        cancelled = asyncio_tasks.ensure_fatal(asyncio.ensure_future(asyncio.sleep(3600)), event)
        cancelled.cancel()
        await asyncio.wait([ended, cancelled])
        asyncio_tasks.ensure_fatal(ended, event)
        asyncio_tasks.ensure_fatal(cancelled, event)
        self.assertFalse(event.is_set())


class Waits(unittest.IsolatedAsyncioTestCase):
    async def test_the_first_event_that_is_set_ends_the_wait(self):
        events = [asyncio.Event(), asyncio.Event()]
        wait = asyncio.ensure_future(asyncio_tasks.wait_for_any(events, ["first", "second"]))
        await asyncio.sleep(0)
        self.assertLessEqual({"first", "second"}, {task.get_name() for task in asyncio.all_tasks()})
        events[1].set()
        self.assertEqual(await asyncio.wait_for(wait, 10), 1)
        self.assertEqual(asyncio.all_tasks(), {asyncio.current_task()})

    async def test_a_named_wait_is_seen_by_its_name(self):
        event = asyncio.Event()
        task = asyncio.ensure_future(asyncio_tasks.named_wait(event, "waiting_here"))
        await asyncio.sleep(0)
        self.assertEqual(task.get_name(), "waiting_here")
        event.set()
        await asyncio.wait_for(task, 10)

    async def test_other_tasks_are_cancelled_and_what_they_raise_is_logged(self):
        async def stubborn():
            try:
                await asyncio.sleep(3600)
            finally:
                raise ValueError("on the way out")

        async def deaf():
            while not over.is_set():
                try:
                    await over.wait()
                except asyncio.CancelledError:
                    pass

        over = asyncio.Event()
        tasks = [asyncio.ensure_future(stubborn()), asyncio.ensure_future(deaf()), asyncio.ensure_future(asyncio.sleep(3600))]
        await asyncio.sleep(0)
        with self.assertLogs("dispatcherd.service.asyncio_tasks") as logged:
            await asyncio_tasks.cancel_other_tasks(timeout=0.01)
        self.assertTrue(tasks[0].done() and tasks[2].cancelled() and not tasks[1].done())
        self.assertEqual(sorted(record.levelname for record in logged.records), ["ERROR", "WARNING"])
        over.set()
        await asyncio.wait_for(tasks[1], 10)
