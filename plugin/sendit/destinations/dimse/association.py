"""Associations with one DICOM modality. Faults leave here as errors of SendIt's own."""

from __future__ import annotations

import contextlib
import logging
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pynetdicom import AE, _config, evt

from sendit.errors import Misconfigured, Retry, SendItError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pynetdicom.association import Association
    from pynetdicom.dul import DULServiceProvider
    from pynetdicom.presentation import PresentationContext

    from sendit.config.orthanc import Modality, OrthancConfig

# Files are sent from the disk and received to it, piece by piece. Only this family uses pynetdicom.
_config.STORE_SEND_CHUNKED_DATASET = True
_config.STORE_RECV_CHUNKED_DATASET = True
# It logs data sets; what went wrong is told by the errors below.
logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)

#: One association has at most so many presentation contexts (PS3.8 Section 9.3.2.2).
MOST_CONTEXTS = 128
#: PDUs that may wait for the network: pynetdicom's own queue has no limit and would take a whole file into memory.
_WAITING_PDUS = 32
_SEND_BUFFER = 128 * 1024  # bytes
_LARGEST_PDU = 128 * 1024  # bytes that we accept at once

#: A-ASSOCIATE-RJ: (source, reason) of a permanent rejection (PS3.8 Table 9-21).
_REJECTED = {
    (1, 2): "it does not know the application context",
    (1, 3): "it does not know SendIt's title (DicomAet, or LocalAet of the modality)",
    (1, 7): "it was called by a title other than its own (AET)",
}

#: An answer to C-STORE may take so many times the time limit, and the time that a slow disk takes (bytes a second).
_PATIENCE = 3
_SLOWEST_DISK = 5_000_000

Handlers = Sequence[tuple[Any, Callable[..., Any]]]


class NothingAccepted(Misconfigured):
    """The modality takes part in an association, and accepts none of its presentation contexts."""


class Line:
    """The way to one modality: titles, address, TLS."""

    def __init__(self, modality: Modality, orthanc: OrthancConfig) -> None:
        self.modality = modality
        self.place = f"DicomModalities.{modality.name}"
        self._context = _tls(orthanc) if modality.tls else None

    @contextlib.contextmanager
    def open(
        self, contexts: Sequence[PresentationContext], roles: Sequence[Any] = (), handlers: Handlers = ()
    ) -> Iterator[Association]:
        """Open an association; release it at the end, or abort it after an error.

        Raises:
            Retry: the modality cannot be reached or does not answer, or has no room for another association.
            Misconfigured: it rejects us, or none of the contexts.
        """
        association = self.associate(contexts, roles, handlers)
        try:
            yield association
        except BaseException:
            end(association, abort=True)
            raise
        end(association)

    def associate(
        self, contexts: Sequence[PresentationContext], roles: Sequence[Any] = (), handlers: Handlers = ()
    ) -> Association:
        """Open an association as `open` does; the caller has to call `end`."""
        modality = self.modality
        entity = AE(ae_title=modality.local_aet)
        entity.maximum_pdu_size = _LARGEST_PDU
        entity.acse_timeout = entity.dimse_timeout = entity.connection_timeout = modality.timeout
        entity.network_timeout = None  # an association may wait for the disk
        try:
            association = entity.associate(
                modality.host,
                modality.port,
                contexts=list(contexts),
                ae_title=modality.aet,
                ext_neg=list(roles) or None,
                tls_args=(self._context, modality.host) if self._context else None,
                evt_handlers=list(handlers),
            )
        except OSError:  # of looking up the host's name
            raise self._unreachable() from None
        if not association.is_established:
            raise self._not_established(association)
        _limit(association, modality.timeout)
        return association

    def be_patient(self, association: Association, size: int) -> None:
        """Let the next answer take as long as storing so many bytes takes."""
        association.dimse_timeout = _PATIENCE * self.modality.timeout + size / _SLOWEST_DISK

    def answered(self, association: Association, status: Dataset | None) -> int:
        """Return the status of an answer.

        Raises:
            Retry: there is none.
        """
        if status is None or "Status" not in status:
            what = "dropped the association" if not association.is_established else "does not answer"
            raise Retry(f"the modality {self.modality.name} {what}")
        return int(status.Status)

    def lost(self) -> Retry:
        """Return the error for an association that ended while it was needed."""
        return Retry(f"the modality {self.modality.name} dropped the association")

    def _not_established(self, association: Association) -> SendItError:
        name = self.modality.name
        if association.is_rejected:
            answer = association.acceptor.primitive
            reason = (answer.result_source, answer.diagnostic) if answer is not None else (0, 0)
            if answer is not None and answer.result == 1 and reason in _REJECTED:
                remedy = "Correct it here, or have SendIt entered there."
                return Misconfigured(self.place, f"the modality rejects SendIt: {_REJECTED[reason]}", remedy)
            if answer is not None and answer.result == 1:
                problem = f"the modality rejects SendIt (source {reason[0]}, reason {reason[1]})"
                return Misconfigured(self.place, problem, "See the modality's log for the reason.")
            return Retry(f"the modality {name} rejects associations at the moment (reason {reason[1]})")
        if association.rejected_contexts and not association.accepted_contexts:
            problem = "the modality accepts none of the kinds of instances (SOP classes) that are to be sent"
            return NothingAccepted(self.place, problem, "Have them allowed there, or leave them out.")
        return self._unreachable()

    def _unreachable(self) -> SendItError:
        """Find out why by connecting once more by hand: pynetdicom does not tell."""
        name, timeout = self.modality.name, self.modality.timeout
        try:
            with socket.create_connection((self.modality.host, self.modality.port), timeout) as plain:
                if self._context:
                    self._context.wrap_socket(plain).close()
        except ssl.SSLCertVerificationError as error:
            problem = f"the certificate of the modality {name} is not trusted ({error.verify_message})"
            return Misconfigured("DicomTlsTrustedCertificates", problem, "Name the authority that has issued it.")
        except ssl.SSLError as error:
            problem = f"TLS with the modality fails ({error.reason})"
            return Misconfigured(f"{self.place}.UseDicomTls", problem, "See whether it speaks TLS at this port.")
        except socket.gaierror:
            return Retry(f"the modality {name} cannot be reached: its host name cannot be resolved")
        except ConnectionRefusedError:
            return Retry(f"the modality {name} cannot be reached: connection refused")
        except TimeoutError:
            return Retry(f"the modality {name} did not answer within {timeout:g} s")
        except OSError as error:
            return Retry(f"the modality {name} cannot be reached ({error.strerror})")
        return Retry(f"the modality {name} does not take part in an association: it dropped it or did not answer")


def end(association: Association, *, abort: bool = False) -> None:
    """Release or abort. An association that has already ended is fine."""
    if association.is_established:
        with contextlib.suppress(RuntimeError):
            association.abort() if abort else association.release()


def _limit(association: Association, timeout: float) -> None:
    """Limit how long sending may wait for the network."""
    dul = association.dul
    dul.to_provider_queue = _Bounded(dul)
    if dul.socket is not None and dul.socket.socket is not None:
        dul.socket.socket.settimeout(timeout)
        # A request is two small messages: without this, each waits 40 ms for the other side's acknowledgement.
        dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Data in the system's buffer look sent: a small one, so that the wait for the answer begins late.
        dul.socket.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)


class _Bounded(queue.Queue):  # type: ignore[type-arg]
    """Takes what is sent while the thread that sends it is alive; afterwards there is nobody to take it from here."""

    def __init__(self, dul: DULServiceProvider) -> None:
        super().__init__(_WAITING_PDUS)
        self._dul = dul

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002 - Queue's
        while self._dul.is_alive():
            try:
                super().put(item, timeout=0.2)
            except queue.Full:
                continue
            return


class Associations:
    """One association for each thread, kept open between two instances.

    Args:
        contexts: called once for each association.
    """

    def __init__(
        self,
        line: Line,
        contexts: Callable[[], Sequence[PresentationContext]],
        roles: Callable[[], Sequence[Any]] = lambda: (),
        handlers: Handlers = (),
    ) -> None:
        self._line, self._contexts, self._roles, self._handlers = line, contexts, roles, handlers
        self._here = threading.local()
        self._all: list[Association] = []

    def mine(self) -> Association:
        """Return this thread's association; open it if there is none (any more)."""
        association: Association | None = getattr(self._here, "association", None)
        if association is None or not association.is_established:
            association = self._line.associate(self._contexts(), self._roles(), self._handlers)
            self._here.association = association
            self._all.append(association)
        return association

    def release(self) -> None:
        """Release this thread's association for the time being."""
        end(self._here.association)

    def drop(self) -> None:
        """Abort this thread's association after an error."""
        end(self._here.association, abort=True)

    def __enter__(self) -> Associations:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for association in self._all:
            end(association, abort=kind is not None)


def _tls(orthanc: OrthancConfig) -> ssl.SSLContext:
    """Connect as Orthanc does: both sides show a certificate; names in them are not compared (PS3.15 Annex B)."""
    dicom = orthanc.dicom
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    trusted = "DicomTlsTrustedCertificates"
    own = {key: _pem(key, dicom.text(key)) for key in (trusted, "DicomTlsCertificate", "DicomTlsPrivateKey")}
    try:
        context.load_verify_locations(own[trusted])
    except ssl.SSLError:
        raise Misconfigured(trusted, "the file contains no certificate in PEM form", "Correct it.") from None
    try:
        context.load_cert_chain(own["DicomTlsCertificate"], own["DicomTlsPrivateKey"], password=lambda: "")
    except ssl.SSLError:
        problem = "the certificate or its key is not a PEM file, they do not belong together, or the key has a password"
        raise Misconfigured("DicomTlsPrivateKey", problem, "Correct it.") from None
    return context


def _pem(key: str, path: str) -> str:
    if not path:
        raise Misconfigured(key, "a modality has UseDicomTls, and this is missing", "Name the PEM file.")
    if not Path(path).is_absolute():
        problem = f"{path} is a relative path"
        raise Misconfigured(key, problem, "Give an absolute path, beginning with /.")
    try:
        with Path(path).open("rb"):
            return path
    except OSError as error:
        raise Misconfigured(key, f"{path}: {error.strerror}", "Correct it.") from None


EVENT_STORE, EVENT_REPORT = evt.EVT_C_STORE, evt.EVT_N_EVENT_REPORT
EVENT_SENT, EVENT_CLOSED = evt.EVT_PDU_SENT, evt.EVT_CONN_CLOSE
