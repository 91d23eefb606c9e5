"""Queries of a modality: C-FIND lists its instances, C-GET returns them (PS3.4 Annex C). Both are optional."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import build_context, build_role
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
)

from sendit.destinations.base import NOT_THERE, open_staged
from sendit.destinations.compare import CannotCompare, difference_between
from sendit.destinations.dimse.association import (
    EVENT_STORE,
    Associations,
    Line,
    NothingAccepted,
)
from sendit.destinations.dimse.transcode import UNCOMPRESSED, by_path, dataset_digest
from sendit.destinations.threads import AskedOnce
from sendit.errors import Misconfigured, Retry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from pynetdicom.events import Event
    from pynetdicom.presentation import PresentationContext

    from sendit.model import Receipt, StagedInstance

_FIND, _GET = StudyRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelGet
_PENDING = {0xFF00, 0xFF01}


class _Refused(Misconfigured):
    """The modality answers C-FIND with a refusal."""


class ModalityQueries:
    """Queries to one modality about the instances of one shipment. All methods may be called from several threads.

    Args:
        kinds: (SOP class, transfer syntax) of the instances.
        ask: false, for a modality that is known to answer nothing: it counts as one that offers nothing.
    """

    def __init__(self, line: Line, kinds: Collection[tuple[str, str]], *, ask: bool = True) -> None:
        self._line = line
        self._kinds = sorted(kinds)
        self._ask = ask
        self._associations = Associations(line, self._contexts, self._roles, [(EVENT_STORE, self._received)])
        self._here = threading.local()
        self._offered: dict[str, bool] = {}
        self._held = AskedOnce[tuple[str, str], frozenset[str]]()
        self._asking = threading.Lock()
        self._comparing = threading.Lock()  # two whole files in memory, and their pixels: one pair at a time

    def __enter__(self) -> ModalityQueries:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._associations.__exit__(kind, *rest)

    def answers_find(self) -> bool:
        """Return whether the modality offers C-FIND."""
        return self._offers(_FIND)

    def answers_get(self) -> bool:
        """Return whether the modality offers C-GET."""
        return self._offers(_GET)

    def holds(self, receipt: Receipt) -> bool:
        """Return whether the modality has it, in the right series of the right study."""
        if receipt.sop_instance_uid in self._of_series(receipt):
            return True
        # Many archives limit the number of answers: what is not in the list is asked for by itself.
        return bool(self._of_series(receipt)) and bool(self._find(*_uids(receipt)))

    def compare(self, staged: StagedInstance) -> str | None:
        """Return None if the modality gives back what the receipt says; otherwise `NOT_THERE` or the problem.

        Only that it is there is known where C-GET is not offered, and where the staged file is gone.
        """
        if not self.holds(staged.receipt):
            return NOT_THERE
        if not staged.path.exists() or not self.answers_get():
            return None
        with self._retrieved(staged.receipt) as theirs:
            return "the modality lists it, but does not return it" if theirs is None else self._differs(staged, theirs)

    def _differs(self, staged: StagedInstance, theirs: Path) -> str | None:
        """Compare content, not bytes: most modalities re-encode the data set (padding and sequence lengths change)."""
        with open_staged(staged) as file, by_path(file) as ours:
            if dataset_digest(ours) == dataset_digest(theirs):
                return None
            try:
                with self._comparing:
                    return difference_between(ours, theirs, transcoded=True)
            except CannotCompare as error:
                return f"it cannot be compared: {error}"

    def _contexts(self) -> list[PresentationContext]:
        return [build_context(_FIND), build_context(_GET), *storage_contexts(self._kinds)]

    def _roles(self) -> list[object]:
        return [build_role(sop_class, scp_role=True) for sop_class in sorted({kind[0] for kind in self._kinds})]

    def _offers(self, sop_class: str) -> bool:
        """Return whether the modality offers it. Asked once.

        Some applications accept one association at a time, so a useless one is closed.
        """
        if not self._ask:
            return False
        with self._asking:
            if not self._offered:
                try:
                    accepted = {context.abstract_syntax for context in self._associations.mine().accepted_contexts}
                    self._offered = {_FIND: _FIND in accepted and self._lets_us_ask(), _GET: _GET in accepted}
                except NothingAccepted:
                    self._offered = {_FIND: False, _GET: False}
                else:
                    if not self._offered[_FIND]:
                        self._associations.release()
        return self._offered[sop_class]

    def _lets_us_ask(self) -> bool:
        """Return whether queries are answered: Orthanc accepts any context, but answers only those it knows."""
        study, series, instance = (generate_uid(prefix=None) for _ in range(3))
        try:
            self._find(study, series, instance)
        except _Refused:
            return False
        except Retry as error:  # Orthanc drops the association of who may not ask
            raise Retry(f"{error}, when searched (C-FIND); if that goes on, allow SendIt to query there") from None
        return True

    def _of_series(self, receipt: Receipt) -> frozenset[str]:
        series = (receipt.study_instance_uid, receipt.series_instance_uid)
        return self._held.answer(series, lambda: frozenset(self._find(*series, "")))

    def _find(self, study: str, series: str, instance: str) -> set[str]:
        """Return the SOPInstanceUIDs of the series that the modality has."""
        uids = set()
        association = self._associations.mine()
        try:
            for status, identifier in association.send_c_find(_identifier(study, series, instance), _FIND):
                code = self._line.answered(association, status)
                if code in _PENDING and identifier is not None:
                    if str(identifier.get("StudyInstanceUID", study)) == study:
                        uids.add(str(identifier.get("SOPInstanceUID", "")))
                elif code not in _PENDING and code != 0:
                    raise self._refused(code)
        except (RuntimeError, ValueError):
            raise self._line.lost() from None
        except Retry:
            self._associations.drop()
            raise
        return uids

    def _refused(self, status: int) -> Retry | Misconfigured:
        if status & 0xFF00 == 0xA700 or status == 0x0110:
            return Retry(f"the modality {self._line.modality.name} cannot search at the moment (status {status:04X})")
        problem = f"the modality does not allow SendIt to search (status {status:04X})"
        return _Refused(self._line.place, problem, "Allow SendIt to query (C-FIND) there.")

    @contextlib.contextmanager
    def _retrieved(self, receipt: Receipt) -> Iterator[Path | None]:
        """Retrieve an instance by C-GET into a file; None if the modality does not return it."""
        association = self._associations.mine()
        self._here.files = []
        try:
            try:
                for status, _ in association.send_c_get(_identifier(*_uids(receipt)), _GET):
                    code = self._line.answered(association, status)
                    if code not in _PENDING and (code & 0xFF00) == 0xA700:
                        raise Retry(f"the modality {self._line.modality.name} is out of resources (status {code:04X})")
            except (RuntimeError, ValueError):
                raise self._line.lost() from None
            except Retry:
                self._associations.drop()
                raise
            yield self._here.files[0] if self._here.files else None
        finally:
            for file in self._here.files:
                file.unlink(missing_ok=True)

    def _received(self, event: Event) -> int:
        """Handle the modality's C-STORE, in the thread that sent the C-GET."""
        self._here.files.append(event.dataset_path)
        return 0x0000


def storage_contexts(kinds: Collection[tuple[str, str]]) -> list[PresentationContext]:
    """Return one context per transfer syntax, so that the answer says which are accepted, plus uncompressed ones."""
    contexts = [build_context(sop_class, syntax) for sop_class, syntax in sorted(kinds)]
    for sop_class in sorted({sop_class for sop_class, _ in kinds}):
        missing = [syntax for syntax in UNCOMPRESSED if (sop_class, syntax) not in kinds]
        if missing:
            contexts.append(build_context(sop_class, missing))
    return contexts


def _uids(receipt: Receipt) -> tuple[str, str, str]:
    return receipt.study_instance_uid, receipt.series_instance_uid, receipt.sop_instance_uid


def _identifier(study: str, series: str, instance: str) -> Dataset:
    """Return a query identifier at instance level (PS3.4 Section C.4.1.2)."""
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "IMAGE"
    identifier.StudyInstanceUID = study
    identifier.SeriesInstanceUID = series
    identifier.SOPInstanceUID = instance
    return identifier
