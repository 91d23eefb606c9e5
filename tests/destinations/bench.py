"""What the contract suite has to know of a destination's server. Each destination has a bench of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from sendit.config.schema import load
from sendit.destinations import open_destination
from tests.servers.fault_proxy import Corrupt, DropAfter, DropBefore, Fault, Silence, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import ExitStack
    from pathlib import Path

    from sendit.destinations.base import Destination
    from sendit.model import Receipt, Shipment, StagedInstance

Server = TypeVar("Server")


def open_out(document: Mapping[str, Any]) -> Destination:
    """The destination "out" of this configuration, as an operator writes it."""
    settings, orthanc = load(document)
    return open_destination("out", settings.destinations["out"], orthanc)


def no_progress(_: int) -> None:
    """Take no notice of how much has been sent."""


class Servers:
    """Servers that all tests of a session share: each is started when the first test needs it."""

    def __init__(self, stack: ExitStack, folder: Callable[[str], Path]) -> None:
        self._stack = stack
        self._folder = folder
        self._running: dict[str, object] = {}

    def new_folder(self, name: str) -> Path:
        """An empty folder for one test."""
        return self._folder(name)

    def get(self, name: str, start: Callable[[Path], Server]) -> Server:
        """The server of this name; `start` gets a folder of its own and returns a context manager."""
        if name not in self._running:
            self._running[name] = self._stack.enter_context(start(self._folder(name)))  # type: ignore[arg-type]
        return cast("Server", self._running[name])


class Bench(ABC):
    """A destination, its server, and the harm that can be done between them.

    A bench is made for one test (`Servers` are shared: each test sends a study of its own) and closed after it.
    """

    destination: Destination
    #: The configuration that `destination` was made of, under the name "out": another process makes it again.
    document: Mapping[str, Any]

    #: Which faults its wire knows. A destination without HTTP has other ones than 503.
    faults: ClassVar[tuple[Fault, ...]] = (
        DropBefore(),
        DropAfter(),
        Silence(),
        Status(503),
        Status(429),
        Status(507),
    )
    #: Answers by which its wire says that we are not let in.
    refusals: ClassVar[tuple[Fault, ...]] = (Status(401), Status(403))
    #: How a bit is changed on its way.
    corruption: ClassVar[Fault] = Corrupt()
    #: False where all instances of a batch travel as one object.
    one_by_one: ClassVar[bool] = True
    #: False where what was given away can never be removed.
    can_recall: ClassVar[bool] = True

    @abstractmethod
    def harm_uploads(self, fault: Fault) -> None:
        """The next `fault.times` uploads suffer this."""

    @abstractmethod
    def harm_reading(self, fault: Fault) -> None:
        """The next `fault.times` questions about what is there suffer this."""

    def heal(self) -> None:
        """End the harm that does not end by itself."""
        return

    @abstractmethod
    def take_down(self) -> None:
        """From now on nothing listens any more."""

    @abstractmethod
    def held(self, receipt: Receipt) -> bytes | None:
        """The file that the server holds under this receipt's identifiers, read past all harm."""

    @abstractmethod
    def put(self, staged: StagedInstance) -> None:
        """Store this file behind the destination's back."""

    @abstractmethod
    def remove(self, receipt: Receipt) -> None:
        """Delete it behind the destination's back."""

    @abstractmethod
    def uploads(self) -> int:
        """How many instances (objects, where they do not travel one by one) reached the server."""

    def close(self) -> None:
        """End what was made for this test alone."""
        return

    def holds_all(self, shipment: Shipment) -> bool:
        """All there, byte for byte."""
        return all(self.held(staged.receipt) == staged.path.read_bytes() for staged in shipment.staged_instances)

    def expected(self, instances: int) -> int:
        """What `uploads` counts for so many instances of one batch."""
        return instances if self.one_by_one else min(instances, 1)
