"""What the parts of the library expect of each other, for type checkers and for own implementations."""

from __future__ import annotations

import enum
from typing import (
    TYPE_CHECKING, Any, AsyncGenerator, Awaitable, Callable, Dict, Iterable, Iterator, Optional, Protocol, Tuple, Union,
)

if TYPE_CHECKING:
    import asyncio

    from .chunking import ChunkAccumulator

Origin = Union[int, str]
"""Where a message came from: a channel, or the number of a connection."""

AsyncCallback = Callable[[], Awaitable[None]]


class BrokerSelfCheckStatus(enum.Enum):
    """Whether a broker waits for a message that it has sent to itself."""

    IDLE = (1,)
    IN_PROGRESS = (2,)


class Broker(Protocol):
    """Sends and receives messages by one transport. Own brokers are a module with a class of this name."""

    def aprocess_notify(
        self, connected_callback: Optional[AsyncCallback] = None
    ) -> AsyncGenerator[Tuple[Origin, str], None]:
        """Yield the origin and text of each message, for ever; await the callback once it can receive."""
        ...

    async def apublish_message(
        self, channel: Optional[str] = None, origin: Optional[Origin] = None, message: str = ""
    ) -> None:
        """Send a message, as a reply to `origin` or to a channel."""

    async def aclose(self) -> None:
        """Let go of what the asynchronous methods use."""

    def process_notify(
        self,
        connected_callback: Optional[Callable[[], Any]] = None,
        timeout: float = 5.0,
        max_messages: Optional[int] = 1,
    ) -> Iterator[Tuple[Origin, str]]:
        """Yield messages for at most `timeout` seconds and `max_messages` (None: any number)."""
        ...

    def publish_message(self, channel: Optional[str] = None, message: str = "") -> Any:
        """Send a message; return the channel that it was sent to, where there are channels."""

    def close(self) -> None:
        """Let go of what the synchronous methods use."""

    def verify_self_check(self, message: Dict[str, Any]) -> None:
        """Look at a message with the key `self_check` that has arrived; raise RuntimeError if it is too late."""


class ProcessorParams(Protocol):
    """Options of one step of the daemon, which a message carries."""

    def to_dict(self) -> Dict[str, Any]:
        """Return what is put into the message."""
        ...

    @classmethod
    def from_message(cls, message: Dict[str, Any]) -> ProcessorParams:
        """Read the options from a message."""
        ...


class Processor(Protocol):
    """A step that a message goes through."""

    Params: Any


class Queuer(Processor, Protocol):
    """The tasks that wait for a worker."""

    def __iter__(self) -> Iterator[Dict[str, Any]]:
        """Yield their messages."""
        ...

    def remove_task(self, message: Dict[str, Any]) -> None:
        """Take one out."""


class Blocker(Queuer, Protocol):
    """The tasks that wait for an equal one to end."""


class DelayCapsule(Protocol):
    """A task that is held for a while."""

    delay: float
    message: Dict[str, Any]
    has_ran: bool


class Delayer(Processor, Protocol):
    """The tasks that are held for a while."""

    def __iter__(self) -> Iterator[DelayCapsule]:
        """Yield them."""
        ...

    async def process_task(self, message: Dict[str, Any]) -> Optional[Dict[str, Any]]:
        """Hold a message with a delay; return one without."""

    def remove_capsule(self, capsule: DelayCapsule) -> None:
        """Take one out."""

    async def shutdown(self) -> None:
        """Drop them all."""


class ProducerEvents(Protocol):
    """What a producer tells."""

    ready_event: asyncio.Event
    recycle_event: asyncio.Event


class Producer(Protocol):
    """A source of messages within a service."""

    events: ProducerEvents
    can_recycle: bool

    async def start_producing(self, dispatcher: DispatcherMain) -> None:
        """Begin to hand messages to the dispatcher."""

    def get_status_data(self) -> Dict[str, Any]:
        """Return its entry in the reply of `producers`."""
        ...

    async def shutdown(self) -> None:
        """End it."""

    def all_tasks(self) -> Iterable[asyncio.Task[Any]]:
        """Return its asyncio tasks."""
        ...

    async def recycle(self) -> None:
        """Start it again."""


class PoolWorker(Protocol):
    """A worker as the pool knows it."""

    current_task: Optional[Dict[str, Any]]
    worker_id: int

    async def start_task(self, message: Dict[str, Any]) -> None:
        """Hand it a task."""

    @property
    def is_ready(self) -> bool:
        """Whether it waits for a task."""
        ...

    @property
    def counts_for_capacity(self) -> bool:
        """Whether it is, or is about to be, of use."""
        ...

    @property
    def expected_alive(self) -> bool:
        """Whether its process should be running."""
        ...

    def get_status_data(self) -> Dict[str, Any]:
        """Return its entry in the reply of `workers`."""
        ...

    def cancel(self) -> None:
        """Interrupt its task."""


class WorkerData(Protocol):
    """The workers of a pool."""

    management_lock: asyncio.Lock

    def __iter__(self) -> Iterator[PoolWorker]:
        """Yield them, the one that has been idle longest first."""
        ...

    def get_by_id(self, worker_id: int) -> PoolWorker:
        """Return one; raises KeyError."""
        ...

    def move_to_end(self, worker_id: int) -> None:
        """Make one the last to be chosen."""


class SharedAsyncObjects(Protocol):
    """What the parts of a service share."""

    exit_event: asyncio.Event
    forking_and_connecting_lock: asyncio.Lock


class PoolEvents(Protocol):
    """What a pool tells."""

    queue_cleared: asyncio.Event
    work_cleared: asyncio.Event
    management_event: asyncio.Event
    workers_ready: asyncio.Event


class WorkerPool(Protocol):
    """The workers of a service, and the tasks that they have or will get."""

    workers: WorkerData
    queuer: Queuer
    blocker: Blocker
    shared: SharedAsyncObjects
    events: PoolEvents
    finished_count: int

    async def start_working(self, dispatcher: DispatcherMain) -> None:
        """Start the workers."""

    async def dispatch_task(self, message: Dict[str, Any]) -> None:
        """Take a task."""

    def get_status_data(self) -> Dict[str, Any]:
        """Return its part of the reply of `main`."""
        ...

    async def shutdown(self) -> None:
        """End the workers."""


class DispatcherMetricsServer(Protocol):
    """Serves the figures of a service."""

    async def start_server(self, dispatcher: DispatcherMain) -> None:
        """Serve until cancelled."""

    async def start_working(self, dispatcher: DispatcherMain) -> Optional[asyncio.Task[Any]]:
        """Serve in a task of its own."""

    async def shutdown(self) -> None:
        """End it."""

    def get_status_data(self) -> Dict[str, Any]:
        """Return its part of the reply of `metrics`."""
        ...


class DispatcherMain(Protocol):
    """A service as a whole."""

    pool: WorkerPool
    shared: SharedAsyncObjects
    producers: Iterable[Producer]
    delayer: Delayer
    chunk_accumulator: ChunkAccumulator
    metrics: Optional[DispatcherMetricsServer]
    received_count: int
    control_count: int

    async def main(self) -> None:
        """Run until it is told to end."""

    async def connected_callback(self, producer: Producer) -> None:
        """Take note that a producer can receive."""

    async def get_control_result(self, action: str, control_data: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Carry out a control command; return its result, without node_id."""
        ...

    async def process_message(
        self, payload: Union[Dict[str, Any], str], producer: Optional[Producer] = None, channel: Optional[str] = None
    ) -> Tuple[Optional[str], Optional[str]]:
        """Take a message; return where to send a reply, and the reply."""
        ...

    def get_status_data(self) -> Dict[str, Any]:
        """Return its part of the reply of `main`."""
        ...


class TaskWorker(Protocol):
    """What runs tasks in a worker's process; see worker.task.TaskWorker for what each method is."""

    worker_id: int
    idle_timeout: float
    finished_queue: Any
    message_queue: Any

    def __init__(self, worker_id: int, message_queue: Any, finished_queue: Any, **kwargs: Any) -> None:
        """Made in the worker's process, with the `worker_kwargs` of the settings."""

    def should_exit(self) -> bool:
        """Tell whether the worker is to leave."""
        ...

    def on_start(self) -> None:
        """Called once before the first task."""

    def on_shutdown(self) -> None:
        """Called once before the worker leaves."""

    def pre_task(self, message: Dict[str, Any]) -> None:
        """Called before each task."""

    def post_task(self, result: Dict[str, Any]) -> None:
        """Called after each task."""

    def on_idle(self) -> None:
        """Called when no task has come for a while."""

    def perform_work(self, message: Dict[str, Any]) -> Dict[str, Any]:
        """Run a task; return what is told of it."""
        ...

    def get_ready_message(self) -> Dict[str, Any]:
        """Return what a worker says when it is ready."""
        ...

    def get_shutdown_message(self) -> Dict[str, Any]:
        """Return what a worker says when it leaves."""
        ...

    def enter_task_mode(self) -> None:
        """Called before a task."""

    def enter_idle_mode(self) -> None:
        """Called after a task."""
