"""A proxy on TCP that understands DICOM's PDUs, in front of a real application, and does harm on demand.

    with DicomFaultProxy(port) as proxy:
        proxy.inject(DropBefore(), C_STORE)

A fault applies to requests with this command, `times` times; everything else passes. `proxy.answered` has the commands
whose answers came from the application behind, in order.
"""

from __future__ import annotations

import contextlib
import io
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pynetdicom.dsutils import encode

from tests.servers.fault_proxy import DropAfter, DropBefore, Fault, Silence, Slow

if TYPE_CHECKING:
    from collections.abc import Iterator

#: CommandField (0000,0100) of requests (PS3.7 Annex E); an answer has 0x8000 added.
C_STORE, C_GET, C_FIND, C_ECHO, N_ACTION = 0x0001, 0x0010, 0x0020, 0x0030, 0x0130
#: No command: the request for an association (A-ASSOCIATE-RQ).
ASSOCIATE = -1
_ANSWER = 0x8000
_ASSOCIATE_RQ, _ASSOCIATE_RJ = 1, 3
_P_DATA = 4
_SLOW_PIECE = 2048  # bytes for each pause of `Slow`


@dataclass
class CutAfter(Fault):
    """The connection ends when so many bytes of the data set have been passed on."""

    size: int = 10_000


@dataclass
class Corrupt(Fault):
    """One bit of the data set is another one when it arrives, so many bytes from its beginning."""

    at: int = 20_000


@dataclass
class Answered(Fault):
    """The instance is not passed on; C-STORE is answered with this status in its place (PS3.4 Table B.2-1)."""

    code: int = 0


@dataclass
class OutOfResources(Answered):
    """Its disk is full, for example."""

    code: int = 0xA700


@dataclass
class NotAuthorized(Answered):
    """It does not take this instance from us."""

    code: int = 0x0124


@dataclass
class Rejected(Fault):
    """A-ASSOCIATE-RJ with this result, source and reason (PS3.8 Table 9-21)."""

    why: tuple[int, int, int] = (1, 1, 1)


@dataclass
class Busy(Rejected):
    """For the moment: it takes no more associations at once."""

    why: tuple[int, int, int] = (2, 3, 2)


@dataclass
class TitleNotKnown(Rejected):
    """For good: the calling title is not recognized."""

    why: tuple[int, int, int] = (1, 1, 3)


class _Connection:
    """One association through the proxy, with a thread for each direction."""

    def __init__(self, proxy: DicomFaultProxy, client: socket.socket) -> None:
        self.proxy, self.client = proxy, client
        self.server = socket.create_connection(("127.0.0.1", proxy.target))
        self.fault: Fault | None = None
        self.size = 0  # of the data set so far
        self.answer = b""  # in place of the server's, when the data set is through
        for work in (self._up, self._down):
            threading.Thread(target=work, daemon=True).start()

    def _up(self) -> None:
        with contextlib.suppress(OSError):
            for pdu in _pdus(self.client):
                if self._is_rejected(pdu):
                    break
                if self._is_answered(pdu):
                    continue
                if not self._harm(pdu):
                    break
                self.server.sendall(pdu)
        self.close()

    def _down(self) -> None:
        with contextlib.suppress(OSError):
            for pdu in _pdus(self.server):
                command = _command(pdu)
                if command is not None and command & _ANSWER:
                    self.proxy.answered.append(command & ~_ANSWER)
                    if isinstance(self.fault, DropAfter):
                        break
                self.client.sendall(pdu)
        self.close()

    def _is_rejected(self, pdu: bytearray) -> bool:
        fault = self.proxy.next_fault(ASSOCIATE) if pdu[0] == _ASSOCIATE_RQ else None
        if not isinstance(fault, Rejected):
            return False
        self.client.sendall(bytes([_ASSOCIATE_RJ, 0, 0, 0, 0, 4, 0, *fault.why]))
        return True

    def _is_answered(self, pdu: bytearray) -> bool:
        """Whether it is a part of a request that the server behind does not see."""
        command = _command(pdu)
        if command == C_STORE and (fault := self.proxy.next_fault(C_STORE, Answered)):
            assert isinstance(fault, Answered)
            self.answer = _store_answer(pdu, fault.code)
            return True
        if not self.answer or pdu[0] != _P_DATA:
            return False
        if pdu[11] & 2:  # the last fragment of the data set
            self.client.sendall(self.answer)
            self.answer = b""
        return True

    def _harm(self, pdu: bytearray) -> bool:
        """False: the connection ends here."""
        command = _command(pdu)
        if command is not None and not command & _ANSWER:
            self.fault, self.size = self.proxy.next_fault(command), 0
        fault, before = self.fault, self.size
        if pdu[0] == _P_DATA and command is None:
            self.size += len(pdu)
        if isinstance(fault, Silence):
            self.proxy.ended.wait()
        elif isinstance(fault, Slow):
            self.proxy.ended.wait(fault.pause * len(pdu) / _SLOW_PIECE)
        elif isinstance(fault, Corrupt) and before <= fault.at < self.size:
            pdu[max(fault.at - before, 12)] ^= 1
        cut = isinstance(fault, CutAfter) and self.size >= fault.size
        return not (cut or isinstance(fault, DropBefore | Silence))

    def close(self) -> None:
        for one in (self.client, self.server):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


class DicomFaultProxy:
    """Listens on loopback from its making to its end."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.answered: list[int] = []
        self.ended = threading.Event()
        self._injected: list[tuple[Fault, int]] = []
        self._lock = threading.Lock()
        self._connections: list[_Connection] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def inject(self, fault: Fault, command: int) -> None:
        """For the next `fault.times` requests with this command."""
        with self._lock:
            self._injected.append((fault, command))

    def heal(self) -> None:
        """No more faults."""
        with self._lock:
            self._injected.clear()

    def next_fault(self, command: int, kind: type[Fault] = Fault) -> Fault | None:
        with self._lock:
            for fault, wanted in self._injected:
                if wanted == command and fault.times > 0 and isinstance(fault, kind):
                    fault.times -= 1
                    return fault
        return None

    def close(self) -> None:
        self.ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self._connections:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while not self.ended.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                self._connections.append(_Connection(self, client))
            except OSError:
                client.close()


def _pdus(source: socket.socket) -> Iterator[bytearray]:
    """Whole PDUs (PS3.8 Section 9.3)."""
    while head := _read(source, 6):
        yield head + _read(source, int.from_bytes(head[2:6], "big"))


def _read(source: socket.socket, size: int) -> bytearray:
    data = bytearray()
    while len(data) < size:
        piece = source.recv(size - len(data))
        if not piece:
            if data:
                raise ConnectionError("the connection ended in the middle of a PDU")
            break
        data += piece
    return data


def _store_answer(pdu: bytearray, status: int) -> bytes:
    """C-STORE-RSP (PS3.7 Section 9.3.1.2) to the command in this PDU."""
    asked = read_dataset(io.BytesIO(pdu[12:]), is_implicit_VR=True, is_little_endian=True)
    answer = Dataset()
    answer.AffectedSOPClassUID = asked.AffectedSOPClassUID
    answer.CommandField = C_STORE | _ANSWER
    answer.MessageIDBeingRespondedTo = asked.MessageID
    answer.CommandDataSetType = 0x0101  # none
    answer.Status = status
    answer.AffectedSOPInstanceUID = asked.AffectedSOPInstanceUID
    answer.CommandGroupLength = len(encode(answer, True, True) or b"")
    value = bytes([pdu[10], 3]) + (encode(answer, True, True) or b"")  # a command, and its last fragment
    item = len(value).to_bytes(4, "big") + value
    return bytes([_P_DATA, 0]) + len(item).to_bytes(4, "big") + item


def _command(pdu: bytes | bytearray) -> int | None:
    """CommandField of a P-DATA-TF whose first value is the beginning of a command, or None."""
    if pdu[0] != _P_DATA or not pdu[11] & 1:
        return None
    found = bytes(pdu).find(b"\x00\x00\x00\x01\x02\x00\x00\x00")
    return int.from_bytes(pdu[found + 8 : found + 10], "little") if found >= 0 else None
