"""The gate before DELIVERING: which batches wait for a person, and which outputs enough persons have accepted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sendit.journal import tables as t
from sendit.model import InstanceState, PixelStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Why a batch waits, where it was not chosen for what it shows.
ALL, AT_RANDOM = "the project has every study reviewed", "it was chosen at random"
_NEW_DEVICE, _UNKNOWN_DEVICE = "the project has seen few studies of its device", "its device cannot be told"


@dataclass(frozen=True, slots=True)
class ReviewWish:
    """The wish of a project that a person sees a batch. `devices` are keyed digests."""

    everything: bool = False
    chosen: bool = False  # by its share
    modalities: frozenset[str] = frozenset()
    text_found: bool = False
    first_of_device: int = 0  # 0: devices do not count
    devices: frozenset[str] = frozenset()
    persons: int = 1


NO_WISH = ReviewWish()


@dataclass(frozen=True, slots=True)
class Staged:
    """An instance whose output is staged."""

    row: int  # its number in the table of instances
    receipt: Mapping[str, Any]


def staged(c: sa.Connection, batch_id: int) -> list[Staged]:
    """Return the instances of a batch whose outputs are staged, in their order."""
    i = t.instances.c
    where = (i.batch_id == batch_id) & (i.state == InstanceState.RELEASED)
    return [Staged(*row) for row in c.execute(sa.select(i.id, i.receipt).where(where).order_by(i.id))]


def gate(c: sa.Connection, batch_id: int, wish: ReviewWish) -> str:
    """Return why the batch has to wait for a person; "" if it may leave.

    A batch that was reviewed once leaves with outputs that were accepted, or not at all. While it waits, no receipt of
    it says that it is released.
    """
    rows = staged(c, batch_id)
    r = t.reviewed_batches
    former = c.execute(sa.select(r).where(r.c.batch_id == batch_id)).first()
    reasons = list(_reasons(c, batch_id, rows, wish))
    if former is None and not reasons:
        return ""
    persons = max(wish.persons, former.persons if former else 1)
    why = "; ".join(reasons) or str(former.why if former else "")
    if former is None:
        at_random = set(reasons) <= {ALL, AT_RANDOM}
        c.execute(sa.insert(r).values(batch_id=batch_id, why=why, by_chance=at_random, persons=persons))
        if at_random:
            _begin_samples(c, batch_id, rows)
    elif former.persons != persons:
        c.execute(sa.update(r).where(r.c.batch_id == batch_id).values(persons=persons))
    if accepted(c, batch_id, rows, persons):
        sign(c, batch_id, rows)
        return ""
    write(
        c,
        (
            (staged.row, {k: v for k, v in staged.receipt.items() if k != "review"} | {"released": False})
            for staged in rows
        ),
    )
    return why


def _reasons(c: sa.Connection, batch_id: int, rows: Sequence[Staged], wish: ReviewWish) -> Iterable[str]:
    doubts = Counter(str(doubt) for staged in rows if (doubt := staged.receipt["pixels"].get("doubt")))
    yield from (f"{doubt} ({count} instance{'s' * (count != 1)})" for doubt, count in doubts.items())
    modalities = {str(staged.receipt.get("modality", "")) for staged in rows}
    if named := sorted(modalities & wish.modalities):
        yield f"the project has {', '.join(named)} reviewed"
    if wish.text_found and any(_has_text(staged.receipt["pixels"]) for staged in rows):
        yield "text was found in its pixels"
    if wish.first_of_device and not wish.devices:
        yield _UNKNOWN_DEVICE
    elif wish.first_of_device and _is_new(c, batch_id, wish):
        yield _NEW_DEVICE
    if wish.everything:
        yield ALL
    elif wish.chosen:
        yield AT_RANDOM


def _has_text(pixels: Mapping[str, Any]) -> bool:
    """Return whether text detection, or the search for barcodes, found something."""
    has_text = pixels.get("text") or "barcodes" in str(pixels.get("how", ""))
    return bool(has_text) and pixels.get("status") == PixelStatus.CLEANED


def _is_new(c: sa.Connection, batch_id: int, wish: ReviewWish) -> bool:
    """Note the devices of the batch's study; return whether one of them has had fewer studies than are wanted."""
    b, v = t.batches.c, t.review_devices
    study, project = c.execute(sa.select(b.study, b.project).where(b.id == batch_id)).one()
    new = False
    for device in sorted(wish.devices):
        same = (v.c.project == project) & (v.c.device == device)
        mine = sa.select(v.c.id).where(same & (v.c.study == study))
        if c.execute(mine).first() is None:
            c.execute(sa.insert(v).values(project=project, device=device, study=study))
        earlier = sa.select(sa.func.count()).where(same & (v.c.id < mine.scalar_subquery()))
        new |= int(c.execute(earlier).scalar_one()) < wish.first_of_device
    return new


# --- acceptances --------------------------------------------------------------------------------------------------


def accepted(c: sa.Connection, batch_id: int, rows: Sequence[Staged], persons: int) -> bool:
    """Return whether so many different persons have accepted each of these outputs."""
    marks = _marks(c, batch_id)
    return bool(rows) and all(len(_valid(staged, marks)) >= persons for staged in rows)


def acceptances(c: sa.Connection, batch_id: int, rows: Sequence[Staged]) -> dict[int, list[str]]:
    """Return who has accepted each of these outputs, by the instance's row."""
    marks = _marks(c, batch_id)
    return {staged.row: [mark["actor"] for mark in _valid(staged, marks)] for staged in rows}


def sign(c: sa.Connection, batch_id: int, rows: Sequence[Staged]) -> None:
    """Let the receipts of accepted outputs say so, and that they are released."""
    marks = _marks(c, batch_id)
    signed = []
    for staged in rows:
        by = [{"actor": mark["actor"], "at": mark["at"]} for mark in _valid(staged, marks)]
        signed.append((staged.row, {**staged.receipt, "released": True, "review": {"decision": "accepted", "by": by}}))
    write(c, signed)


def write(c: sa.Connection, receipts: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
    """Store receipts by the instance's row."""
    values = [{"row": row, "changed": dict(receipt)} for row, receipt in receipts]
    if values:
        i = t.instances.c
        update = sa.update(t.instances).where(i.id == sa.bindparam("row")).values(receipt=sa.bindparam("changed"))
        c.execute(update, values)


def _marks(c: sa.Connection, batch_id: int) -> dict[int, list[dict[str, str]]]:
    m = t.review_marks.c
    marks: dict[int, list[dict[str, str]]] = {}
    query = sa.select(m.instance_id, m.actor, m.at, m.output_sha256).where(m.batch_id == batch_id)
    for row, actor, at, digest in c.execute(query.order_by(m.at, m.actor)):
        mark = {"actor": actor, "at": at.isoformat(timespec="seconds"), "output": digest}
        marks.setdefault(row, []).append(mark)
    return marks


def _valid(staged: Staged, marks: Mapping[int, Sequence[dict[str, str]]]) -> list[dict[str, str]]:
    """Return the marks of this very output."""
    return [mark for mark in marks.get(staged.row, ()) if mark["output"] == staged.receipt["output_sha256"]]


def _begin_samples(c: sa.Connection, batch_id: int, rows: Sequence[Staged]) -> None:
    """Note what a random review looks at: one study, for each kind of image and rules."""
    project = c.execute(sa.select(t.batches.c.project).where(t.batches.c.id == batch_id)).scalar_one()
    kinds = Counter((str(staged.receipt.get("modality", ""))[:16], staged.receipt["plan_sha256"]) for staged in rows)
    for (modality, plan), count in kinds.items():
        values = {"batch_id": batch_id, "modality": modality, "plan_sha256": plan, "project": project}
        c.execute(sa.insert(t.review_samples).values(**values, instances=count, missed=False, ended=False))
