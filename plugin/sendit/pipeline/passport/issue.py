"""A passport's way with its study: signed and recorded, delivered, read back, and withdrawn when the study is recalled.

It is recorded before it is delivered, so that every attempt delivers the same bytes. Where it is kept is the
destination's matter (`sendit.destinations.passports`).
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sendit.destinations.passports import PassportHolder, RevocationsHolder, takes_passports
from sendit.destinations.threads import in_threads
from sendit.errors import Retry
from sendit.journal.receipts.passports import StoredPassport
from sendit.pipeline.passport import document
from sendit.pipeline.passport.dicom_object import staged_passport
from sendit.pipeline.passport.keys import PassportKeys, now
from sendit.storage import dataset_digests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendit.destinations.base import Destination
    from sendit.model import Delivery, Shipment, StagedInstance
    from sendit.pipeline.context import Services
    from sendit.pipeline.projects import ReadyProject
    from sendit.storage.staging import Staging

log = logging.getLogger(__name__)

#: A discrepancy of a passport has this in the place of a SOPInstanceUID.
PASSPORT = "passport"
#: How often a list of revocations is written again because another study was recalled meanwhile.
_ATTEMPTS = 10
#: So many staged files are digested at once: nothing leaves before all of them are.
_THREADS = 4


class Passports:
    """Passports of all projects."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._journal = services.journal
        self.keys = PassportKeys(services.settings, services.journal)

    def prepare(self) -> None:
        """Make or check the signing keys of the projects that deliver passports.

        Raises:
            Misconfigured: a key is missing, or is not the right one.
        """
        settings = self._services.settings
        for name, project in settings.projects.items():
            if self._journal.unlinking.of(name) is None and any(map(self._wanted, project.destinations)):
                self.keys.signing(name)

    def _wanted(self, destination: str) -> bool:
        """Return whether the destination is to get passports."""
        configured = self._services.settings.destinations.get(destination)
        return configured is not None and takes_passports(self._services.destinations.get(destination), configured)

    # --- delivery ------------------------------------------------------------------------------------------------

    def issue(self, delivery: Delivery, shipment: Shipment) -> StoredPassport | None:
        """Return the passport of what goes to a destination, signed now or by an earlier attempt.

        None: the destination is to get none.

        Raises:
            Misconfigured: the signing key is missing, or is not the right one.
        """
        if not self._wanted(delivery.destination):
            return None
        stored = self._journal.passports.of(shipment.batch_id).get(delivery.destination)
        moment = datetime.now(UTC).replace(microsecond=0)
        digests = self._datasets(shipment) if stored is None else _known_datasets(stored)
        kinds = {(staged.receipt.modality, staged.receipt.plan_sha256) for staged in shipment.staged_instances}
        residual = self._journal.reviews.residual(shipment.project, kinds)
        manifest = document.manifest(shipment, now(), self._rules(shipment.project), digests, residual)
        if stored is not None and _same(manifest, json.loads(stored.content)["manifest"]):
            return stored
        if stored is not None:  # its instances were processed again
            manifest = document.manifest(shipment, now(), manifest["rules"], self._datasets(shipment), residual)
        content = document.passport(manifest, self.keys.signing(shipment.project)).decode("utf-8")
        issued = StoredPassport(delivery.destination, moment, content)
        self._journal.passports.store(shipment.batch_id, issued)
        return issued

    def _datasets(self, shipment: Shipment) -> dict[str, str]:
        """Return the digests of the staged files behind their file meta information, by coded SOPInstanceUID.

        What was not digested when it was made (before a restart, for example) is read.
        """
        digests: dict[str, str | None] = {}
        left: list[StagedInstance] = []
        for staged in shipment.staged_instances:
            known = self._services.staging.datasets.of(staged.receipt.output_sha256)
            if known is None:
                left.append(staged)
            else:
                digests[staged.receipt.sop_instance_uid] = known
        digests |= dict(in_threads(_dataset, left, _THREADS))
        return {uid: digest for uid, digest in digests.items() if digest is not None}

    def _rules(self, project: str) -> Mapping[str, Any]:
        """Return, by its digest, the plan of a project as it is configured now."""
        ready = self._services.deidentification.projects.get(project)
        return {} if ready is None else _rules_of(ready)

    def put(self, destination: Destination, shipment: Shipment, passport: StoredPassport | None) -> None:
        """Deliver the passport of instances that were delivered, beside them, and read it back.

        Raises:
            Retry: it is not as it was sent.
        """
        if passport is None or not isinstance(destination, PassportHolder):
            return
        content = passport.content.encode("utf-8")
        destination.put_passport(shipment, content)
        if problem := inspect(destination, shipment, content):
            raise Retry(f"read back: {problem}")

    # --- recall --------------------------------------------------------------------------------------------------

    def remove(self, destination: Destination, shipment: Shipment) -> str | None:
        """Remove the passport from beside the instances; why it could not be removed, or None."""
        if not isinstance(destination, PassportHolder):
            return None
        return destination.remove_passport(shipment)

    def revoke(self, destination: Destination, project: str) -> None:
        """Write the list of what the project recalled to a destination that can hold it, if it ever signed a passport.

        Another recall may write its list at the same time: whoever finds that more was recalled writes it again.
        """
        if not isinstance(destination, RevocationsHolder) or not self.keys.public(project):
            return
        for _ in range(_ATTEMPTS):
            studies = self._journal.passports.revoked(project)
            destination.put_revocations(project, self.revocations(project, studies))
            if self._journal.passports.revoked(project) == studies:
                return
        raise Retry("the list of recalled studies changed while it was written, several times")

    def revocations(self, project: str, studies: list[str] | None = None) -> bytes:
        """Return the signed list of what the project recalled."""
        listed = self._journal.passports.revoked(project) if studies is None else studies
        return document.revocations(project, listed, now(), self.keys.signing(project))


def with_object(
    shipment: Shipment,
    destination: Destination,
    staging: Staging,
    passport: StoredPassport | None,
    *,
    write: bool = False,
) -> Shipment:
    """Return the shipment with its passport among the instances, if the destination takes it as a DICOM object.

    Args:
        shipment: the instances.
        destination: where they go, or are.
        staging: where the object's file is.
        passport: their passport; None if there is none.
        write: write that file, which a delivery needs.
    """
    if passport is None or isinstance(destination, PassportHolder):
        return shipment
    name = f"passport {hashlib.sha256(passport.content.encode()).hexdigest()}"
    path = staging.output(shipment.batch_id, name) if write else staging.name(shipment.batch_id, name)
    one = staged_passport(shipment, passport.content, path, write=write)
    return replace(shipment, staged_instances=[*shipment.staged_instances, one])


def inspect(destination: Destination, shipment: Shipment, content: bytes) -> str | None:
    """Return what is wrong with the passport that a destination holds beside the instances; None if nothing is."""
    if not isinstance(destination, PassportHolder):
        return None
    held = destination.read_passport(shipment)
    if held is None:
        return "the passport of its instances is not there"
    return None if held == content else "the passport of its instances is not as it was sent"


def _dataset(staged: StagedInstance) -> tuple[str, str | None]:
    try:
        return staged.receipt.sop_instance_uid, dataset_digests.of_file(staged.path)
    except FileNotFoundError:
        raise Retry("a staged file is missing; the batch has to be processed again") from None


def _known_datasets(stored: StoredPassport) -> dict[str, str]:
    instances = json.loads(stored.content)["manifest"]["instances"]
    return {instance["instance"]: instance["dataset_sha256"] for instance in instances if "dataset_sha256" in instance}


def _same(manifest: Mapping[str, Any], former: Mapping[str, Any]) -> bool:
    """Return whether both say the same of the instances: an upgrade alone is no reason to sign a second passport."""
    alike = ("project", "batch", "part", "patient", "study", "instances")
    return document.canonical([manifest[name] for name in alike]) == document.canonical(
        [former[name] for name in alike]
    )


def _rules_of(project: ReadyProject) -> Mapping[str, Any]:
    """Return the plan of a project by its digest."""
    spec = project.spec
    recipes = [
        {"name": recipe.name.rpartition("/")[2], "sha256": hashlib.sha256(recipe.text.encode("utf-8")).hexdigest()}
        for recipe in spec.recipes
    ]
    return {project.plan_digest: {"options": sorted(str(option) for option in spec.options), "recipes": recipes}}
