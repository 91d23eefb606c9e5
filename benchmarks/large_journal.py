"""How much slower are lists, pages and the pipeline's own statements with a million batches than with a hundred?

`python -m benchmarks large-journal [--batches N] [--small N]` fills two journals on each kind of database by SQL, one
small and one large (ten instances a batch), and asks both of them in turn. With `--folder` the large ones are kept
there, and asked again by the next run, which with `--more` adds its passes to the former ones. Wall time per question:
the raw numbers go to benchmarks/results/large-journal.json, the table to docs/benchmarks/large-journal.md.
"""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from benchmarks.large_pages import addresses, served
from sendit.journal import Journal
from sendit.journal.lists.counts import DESTINATION, PROJECT
from sendit.journal.lists.pages import ALL, Filter
from sendit.model import BatchState, DeliveryState, Receipt

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

RESULTS = Path(__file__).parent / "results" / "large-journal.json"
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks" / "large-journal.md"
INSTANCES = 10  # a batch
#: Of one pass. All questions are asked in each, so that no question has all of its rounds while the machine is busy.
ROUNDS, BATCHES = 7, 25
_ACTS = 1000  # at least, in the audit log: each of its pages is full
#: A list may take so many times as long as with the small journal, and a batch on its way so many times.
LIST_LIMIT, BATCH_LIMIT = 2.0, 1.1
#: Below this (seconds) a difference is noise of the clock, and nobody notices it.
FLOOR = 0.001

# Of a thousand batches: 5 under way, 12 held or failed (all but the newest few were looked at), 3 empty, 2 recalled.
_STATE = """CASE WHEN n > {last} - 40 THEN CASE n % 4 WHEN 0 THEN 'QUEUED' WHEN 1 THEN 'PROCESSING'
 WHEN 2 THEN 'DELIVERING' ELSE 'SENT' END
 WHEN n % 1000 < 8 THEN 'FAILED' WHEN n % 1000 < 12 THEN 'QUARANTINED' WHEN n % 1000 < 15 THEN 'EMPTY'
 WHEN n % 1000 < 17 THEN 'RECALLED' ELSE 'DONE' END"""
_PROJECT = "'irb' || (n % 7)"
_ENDED = "('DONE', 'EMPTY', 'QUARANTINED', 'FAILED', 'RECALLED')"


@dataclass(frozen=True)
class Sql:
    """What differs between the two databases."""

    postgresql: bool
    begin: datetime
    step: float  # seconds between two batches

    def series(self, first: int, last: int, name: str) -> str:
        """Rows with the numbers of a span."""
        if self.postgresql:
            return f"(SELECT generate_series({first}, {last}) AS {name}) {name}s"
        numbers = f"WITH RECURSIVE r(x) AS (SELECT {first} UNION ALL SELECT x + 1 FROM r WHERE x < {last})"
        return f"({numbers} SELECT x AS {name} FROM r) {name}s"

    @property
    def at(self) -> str:
        """When batch n came in."""
        if self.postgresql:
            return f"(timestamptz '{self.begin.isoformat()}' + n * interval '{self.step} seconds')"
        seconds = f"{self.begin.timestamp()} + n * {self.step}"
        return f"(strftime('%Y-%m-%d %H:%M:%f', {seconds}, 'unixepoch') || '000')"

    @property
    def digits(self) -> str:
        """n with twelve digits."""
        return "lpad(n::text, 12, '0')" if self.postgresql else "substr('000000000000' || n, -12)"

    def as_json(self, text: str) -> str:
        return f"({text})::json" if self.postgresql else text

    def run(self, c: sa.Connection, statement: str) -> None:
        c.execute(sa.text(statement.replace(":", "\\:")))


def fill(journal: Journal, batches: int, chunk: int = 100_000) -> None:
    """Fill an empty journal: batches over three years, ten instances each, two destinations, four events."""
    postgresql = journal.engine.dialect.name == "postgresql"
    days = timedelta(days=1000)
    sql = Sql(postgresql, datetime.now(UTC) - days, days.total_seconds() / (batches + 1))
    for first in range(1, batches + 1, chunk):
        _fill_chunk(journal, sql, first, min(first + chunk - 1, batches), batches)
    if postgresql:
        with journal.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
            for table in ("batches", "instances"):
                sql.run(c, f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
            sql.run(c, "VACUUM ANALYZE")


def _fill_chunk(journal: Journal, sql: Sql, first: int, last: int, batches: int) -> None:
    """Fill in the batches of a span, in one transaction."""
    rows, at = sql.series(first, last, "n"), sql.at
    with journal.engine.begin() as c:
        _add_batches(c, sql, rows, batches)
        for destination, where in (("peer", "n % 1000 >= 15"), ("bucket", "n % 1000 >= 15 AND n % 3 = 0")):
            state = f"CASE WHEN n <= {batches - 40} THEN 'VERIFIED' ELSE 'RETRYING' END"
            error = f"CASE WHEN n % 50 = 0 OR n > {batches - 40} THEN 'the peer is down' END"
            columns = "batch_id, destination, state, sent, last_error, changed_at"
            values = f"n, '{destination}', {state}, {INSTANCES}, {error}, {at}"
            sql.run(c, f"INSERT INTO deliveries ({columns}) SELECT {values} FROM {rows} WHERE {where}")
        for message in ("opened", "10 instances queued", "de-identified: 10 released", "done"):
            sql.run(c, f"INSERT INTO events (batch_id, at, message) SELECT n, {at}, '{message}' FROM {rows}")
        held = f"id BETWEEN {first} AND {last} AND state IN ('FAILED', 'QUARANTINED')"
        sql.run(c, f"UPDATE batches SET unseen = 1 WHERE {held} AND id >= {batches - 1000}")
        sql.run(
            c,
            "INSERT INTO acknowledgements (kind, number, attempt, state, at, actor, reason) "
            f"SELECT 'batch', id, attempt, state, changed_at, 'cli:root', '' FROM batches WHERE {held} AND unseen = 0",
        )
        _add_acts(c, sql, rows if batches >= _ACTS else sql.series(1, _ACTS, "n"))
    journal.counts.fold()


def _add_acts(c: sa.Connection, sql: Sql, rows: str) -> None:
    """Add an entry of the audit log for each batch. Their chain does not hold: nothing here reads it."""
    actor = "CASE n % 3 WHEN 0 THEN 'orthanc:ada' WHEN 1 THEN 'orthanc:bea' ELSE 'cli:root' END"
    action = "CASE WHEN n % 50 = 7 THEN 'retry' ELSE 'look' END"
    values = f"n, {sql.at}, {actor}, {action}, {_PROJECT}, n, '', '', '', '', 'n' || n"
    columns = "number, at, actor, action, project, batch_id, subject, reason, salt, content_sha256, hash"
    sql.run(c, f"INSERT INTO audit ({columns}) SELECT {values} FROM {rows}")


def _add_batches(c: sa.Connection, sql: Sql, rows: str, batches: int) -> None:
    """Add batches, their modalities and instances."""
    state, at, digits = _STATE.format(last=batches), sql.at, sql.digits
    columns = "id, study, project, state, reason, received, opened_at, changed_at, ended_at, coded_study, "
    values = f"n, '0a1b2c3d-0a1b2c3d-0a1b2c3d-0a' || {digits}, {_PROJECT}, {state}, "
    values += f"CASE WHEN n % 1000 < 12 THEN 'the peer refuses us' END, {INSTANCES}, {at}, {at}, "
    values += f"CASE WHEN {state} IN {_ENDED} THEN {at} END, '2.25.' || n, 'P' || (n / 5), 5260000, "
    values += f"CASE WHEN n % 7 = 0 AND {state} = 'DONE' THEN 'DELETED' END"
    sql.run(c, f"INSERT INTO batches ({columns}coded_patient, size, originals) SELECT {values} FROM {rows}")
    modality = "CASE n % 5 WHEN 0 THEN 'MR' WHEN 1 THEN 'US' ELSE 'CT' END"
    sql.run(c, f"INSERT INTO batch_modalities (batch_id, modality) SELECT n, {modality} FROM {rows}")
    values = f"n, {sql.as_json(_CHARACTERISTICS_TEXT)}"
    source = f"(SELECT n, {modality} AS m FROM {rows}) x WHERE n % 1000 >= 15"
    sql.run(c, f"INSERT INTO characteristics (batch_id, content) SELECT {values} FROM {source}")
    ended = f"CASE WHEN {state} = 'QUEUED' THEN 'PENDING' WHEN {state} IN ('FAILED', 'QUARANTINED') THEN 'QUARANTINED' "
    ended += f"WHEN {state} IN ('PROCESSING', 'DELIVERING') THEN 'RELEASED' ELSE 'SENT' END"
    values = f"(n - 1) * {INSTANCES} + k + 1, n, {_PROJECT}, '1b2c3d4e-1b2c3d4e-1b2c3d4e-' || {digits} || '-' || k, "
    values += f"{ended}, '{'a' * 64}', '2.25.' || n || '.' || k, {sql.as_json(_RECEIPT_TEXT)}"
    columns = "id, batch_id, project, instance, state, input_sha256, sop_instance_uid, receipt"
    source = f"(SELECT n, {modality} AS m FROM {rows}) x CROSS JOIN {sql.series(0, INSTANCES - 1, 'k')}"
    sql.run(c, f"INSERT INTO instances ({columns}) SELECT {values} FROM {source}")


_SAME = {
    "input_sha256": "a" * 64,
    "plan_sha256": "b" * 64,
    "output_sha256": "c" * 64,
    "output_md5": "d" * 32,
    "output_size": 526_000,
    "series_instance_uid": "2.25.3",
    "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
    "transfer_syntax_uid": "1.2.840.10008.1.2.1",
    "actions": {"X": 40, "Z": 12, "U": 9, "D": 4},
    "released": True,
}
#: In SQL: the receipt of instance k of batch n, of modality m.
_RECEIPT_TEXT = (
    """'{"modality": "' || m || '", "patient_id": "P' || (n / 5) || '", "study_instance_uid": "2.25.' || n || """
    """'", "sop_instance_uid": "2.25.' || n || '.' || k || '", """ + json.dumps(_SAME)[1:-1] + "}'"
)
#: In SQL: what could help to single out the patient of batch n, of modality m. A patient has five batches.
_CHARACTERISTICS_TEXT = (
    """'{"age": ["' || (n / 5 % 9 * 10) || '–' || (n / 5 % 9 * 10 + 9) || '"], "sex": ["' || """
    """CASE n / 5 % 2 WHEN 0 THEN 'F' ELSE 'M' END || '"], "modality": ["' || m || """
    """'"], "device model": ["Model ' || (n % 17) || '"], "body part": ["PART ' || (n % 11) || """
    """'"], "study description": ["study ' || (n % 23) || '"]}'"""
)


def filters() -> dict[str, Filter]:
    """Filters of lists."""
    last_year = datetime.now(UTC) - timedelta(days=400)
    month_later = last_year + timedelta(days=30)
    failed, done, waiting = BatchState.FAILED, BatchState.DONE, frozenset({DeliveryState.RETRYING})
    five: dict[str, Any] = {"project": "irb1", "states": frozenset({done}), "modality": "CT", "destination": "peer"}
    return {
        "newest page": ALL,
        "page of a project": Filter(project="irb3"),
        "page of a state": Filter(states=frozenset({failed})),
        "page of two states": Filter(states=frozenset({failed, done})),
        "page of project and state": Filter(project="irb3", states=frozenset({done})),
        "page of a modality": Filter(modality="US"),
        "page of a destination": Filter(destination="bucket"),
        "page of waiting deliveries": Filter(destination="peer", deliveries=waiting),
        "page of a span": Filter(opened_from=last_year, opened_before=month_later),
        "page of what ended in a span": Filter(ended_from=last_year, ended_before=month_later, project="irb2"),
        "page of a coded patient": Filter(coded="P10"),
        "page of a reason": Filter(reason="refuses", states=frozenset({failed})),
        "page of five conditions": Filter(
            **five, opened_from=last_year - timedelta(days=250)
        ),  # some of the small one's
    }


def readings(batches: int, rows: dict[str, int]) -> dict[str, Callable[[Journal], object]]:
    """What pages, API, command line, health and the reconciliation ask.

    Args:
        batches: how many there are.
        rows: how many batches each list is to show: as many as both journals have.
    """
    middle, old, today = max(60, batches // 2), datetime.now(UTC) - timedelta(days=5000), datetime.now(UTC).date()
    lists = {name: partial(_page, wanted=wanted, limit=rows[name]) for name, wanted in filters().items()}
    return {
        **lists,
        "page in the middle": partial(_page, wanted=ALL, limit=50, before=middle),
        "one batch": lambda j: (j.batches.get(middle), j.batches.reasons(middle), j.batches.history(middle)),
        "counts by state": lambda j: j.counts.by_state(),
        "counts by project": lambda j: j.counts.of(PROJECT),
        "counts by destination": lambda j: j.counts.of(DESTINATION),
        "destinations": lambda j: j.deliveries.summary(),
        "totals of 30 days": lambda j: j.totals.of(today - timedelta(days=29), today),
        "what nobody has seen": lambda j: j.acknowledgements.unseen(),
        "has anything changed": lambda j: j.changes.cursor(),
        "unfinished batches": lambda j: j.batches.unfinished(),
        "open deliveries": lambda j: j.deliveries.open(),
        "open recalls": lambda j: j.recalls.open(),
        "originals to delete": lambda j: j.originals.due(),
        "studies being received": lambda j: j.intake.receiving_studies(),
        "held, with staged files": lambda j: j.retention.held(datetime.now(UTC), range(max(1, batches - 100), batches)),
        "to be pruned": lambda j: j.retention.prune(old),
        "studies of a patient": lambda j: j.recalls.studies_of("P10"),
        "names of a project": lambda j: j.recalls.names_of("irb3"),
    }


def _page(journal: Journal, wanted: Filter, limit: int, before: int | None = None) -> int:
    """What a page of the API reads; how many batches it shows."""
    page = journal.batches.page(wanted, limit, before)
    numbers = [batch.id for batch in page.batches]
    journal.batches.tallies(numbers)
    journal.batches.modalities(numbers)
    journal.acknowledgements.of(numbers)
    journal.deliveries.of(numbers)
    return len(numbers)


def one_batch(journal: Journal) -> None:
    """The pipeline's own statements for one batch of ten instances, from its first instance to its end."""
    study, *names = (str(uuid.uuid4()) for _ in range(INSTANCES + 1))  # Orthanc's are digests: in no order either
    journal.intake.receiving(study, INSTANCES)
    batch_id = journal.intake.queue(study, "irb3", names, "20260101T000000")
    assert batch_id is not None
    journal.batches.begin(batch_id, 1)
    outcomes = {name: replace(_RECEIPT, sop_instance_uid=f"2.25.9.{name}") for name in names}
    journal.batches.record(batch_id, 1, outcomes)
    journal.batches.conclude(batch_id, 1, ["peer", "bucket"])
    for destination in ("peer", "bucket"):
        delivery, _ = journal.deliveries.begin(batch_id, destination, 1)
        journal.deliveries.verified(delivery, INSTANCES)
    journal.batches.done(batch_id)
    journal.originals.projects(study)


_RECEIPT = Receipt("a" * 64, "b" * 64, "c" * 64, "d" * 32, 526_000, "P1", "2.25.1", "2.25.2", "", "1.2", "1.2.840.1",
                   modality="CT", actions={"X": 40}, released=True)  # fmt: skip


def measure(
    small: Journal, large: Journal, sizes: tuple[int, int], passes: int
) -> dict[str, tuple[list[float], list[float]]]:
    """Ask both in turn; question → seconds of the small and of the large one."""
    rows = {
        name: max(1, min(_page(journal, wanted, 50) for journal in (small, large)))
        for name, wanted in filters().items()
    }
    with served(small) as of_small, served(large) as of_large:
        for ask in (of_small, of_large):
            ask("/api/projects/irb3/risk")  # the page does not wait for the first report
        visits: list[dict[str, Callable[[Journal], object]]] = [
            {name: partial(_visit, ask, address) for name, address in addresses(size).items()}
            for size, ask in zip(sizes, (of_small, of_large), strict=True)
        ]
        asked = [{**readings(size, rows), **visits[which]} for which, size in enumerate(sizes)]
        seconds = _ask_in_turn(asked, (small, large), passes)
    seconds[BATCH], seconds[CPU] = ([], []), ([], [])
    for _ in range(passes * BATCHES):
        for which, journal in enumerate((small, large)):
            begun = time.perf_counter(), time.process_time()
            one_batch(journal)
            seconds[BATCH][which].append(time.perf_counter() - begun[0])
            seconds[CPU][which].append(time.process_time() - begun[1])
    return seconds


def _visit(ask: Callable[[str], None], address: str, _: Journal) -> None:
    ask(address)


def _ask_in_turn(
    asked: Sequence[Mapping[str, Callable[[Journal], object]]], journals: Sequence[Journal], passes: int
) -> dict[str, tuple[list[float], list[float]]]:
    """Return the seconds of each question, of the small and of the large journal."""
    seconds: dict[str, tuple[list[float], list[float]]] = {}
    for name in [*asked[0]] * passes:
        seconds.setdefault(name, ([], []))
        for turn in range(ROUNDS + 2):
            for which, journal in enumerate(journals):
                begun = time.perf_counter()
                asked[which][name](journal)
                if turn > 1:  # the first ones fill the caches
                    seconds[name][which].append(time.perf_counter() - begun)
    return seconds


BATCH, CPU = "a batch from its first instance to its end", "its CPU"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--batches", type=int, default=1_000_000)
    parser.add_argument("--small", type=int, default=100)
    parser.add_argument("--passes", type=int, default=6)
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--folder", type=Path, help="where journals are kept for the next run; default: nowhere")
    parser.add_argument("--more", action="store_true", help="add to the figures of the former run")


def main(options: argparse.Namespace) -> bool:
    """Return whether every limit was kept."""
    results: dict[str, dict[str, Any]] = json.loads(RESULTS.read_text("utf-8")) if options.more else {}
    for kind in options.databases.split(","):
        with ExitStack() as closing:
            journals = _Journals(kind, options.folder, closing)
            small, large = journals.filled(options.small, anew=True), journals.filled(options.batches)
            asked = _asked(small, large, (options.small, options.batches), options.passes)
            results[kind] = _joined(results[kind], asked) if kind in results else asked
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(_table(results), encoding="utf-8")
    print(PAGE.read_text("utf-8"))
    return all(not _missed(results[kind]) for kind in results)


class _Journals:
    """Filled journals of one kind of database, in a folder that is kept if it is named."""

    def __init__(self, kind: str, kept: Path | None, closing: ExitStack) -> None:
        from tests.servers.postgres import PostgresServer

        self._kind, self._closing = kind, closing
        self._folder = kept / kind if kept else Path(closing.enter_context(tempfile.TemporaryDirectory()))
        self._folder.mkdir(mode=0o755, parents=True, exist_ok=True)  # PostgreSQL's own user has to reach it
        self._server: PostgresServer | None = None
        if kind == "postgresql":
            self._server = PostgresServer(self._folder / "server" if kept else None).start()
            closing.callback(self._server.stop)

    def filled(self, size: int, *, anew: bool = False) -> Journal:
        """Return the journal of so many batches; it is filled unless that was done, or if it is to be made anew."""
        directory, name = self._folder / str(size), f"batches{size}"
        mark = directory / "filled"
        if anew or not mark.exists():
            shutil.rmtree(directory, ignore_errors=True)
            if self._server:
                self._server.drop(name)
        directory.mkdir(mode=0o700, exist_ok=True)
        database = self._server.database(name=name) if self._server else "sqlite"
        journal = Journal.open(database, directory)
        journal.counts.fold()  # as the worker does each minute; the last run left its batches
        self._closing.callback(journal.close)
        if not mark.exists():
            begun = time.monotonic()
            fill(journal, size)
            mark.touch()
            print(f"large-journal: {self._kind}: {size:,} batches made in {time.monotonic() - begun:.0f} s", flush=True)
        return journal


def _asked(small: Journal, large: Journal, sizes: tuple[int, int], passes: int) -> dict[str, Any]:
    asked = measure(small, large, sizes, passes)
    medians = {name: [statistics.median(times) for times in both] for name, both in asked.items()}
    fastest = {name: [min(times) for times in both] for name, both in asked.items()}
    return {"batches": sizes, "passes": passes, "medians": medians, "fastest": fastest}


def _joined(former: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of a run with the faster ones of former runs. Medians are those of the longer run."""
    fastest = {
        name: [min(pair) for pair in zip(both, former["fastest"].get(name, both), strict=True)]
        for name, both in asked["fastest"].items()
    }
    longer = former if former["passes"] > asked["passes"] else asked
    medians = {name: longer["medians"].get(name, both) for name, both in asked["medians"].items()}
    return {**asked, "passes": former["passes"] + asked["passes"], "medians": medians, "fastest": fastest}


def _compared(result: dict[str, Any]) -> dict[str, list[float]]:
    """Return the fastest of what is read; of a batch, which waits for the disk ten times, the median."""
    medians: dict[str, list[float]] = result["medians"]
    return {**result["fastest"], **{name: medians[name] for name in (BATCH, CPU)}}


def _missed(result: dict[str, Any]) -> list[str]:
    """Return the questions that took too long."""
    missed = []
    for name, (small, large) in _compared(result).items():
        limit, more = (BATCH_LIMIT, 0.0) if name in (BATCH, CPU) else (LIST_LIMIT, FLOOR)
        if large > limit * small and large - small > more:
            missed.append(name)
    return missed


def _table(results: dict[str, dict[str, Any]]) -> str:
    kinds = list(results)
    passes = min(result["passes"] for result in results.values())
    head = " | ".join("{}: {:,} | {:,} | ×".format(kind, *results[kind]["batches"]) for kind in kinds)
    lines = [
        "# A large journal",
        "",
        "Written by `python -m benchmarks large-journal`: milliseconds of wall time, both journals asked in turn. Of",
        f"{passes * ROUNDS} rounds in {passes} passes the fastest, as whatever else a machine does only adds. "
        f"Of {BATCHES} batches on their way in each pass the median:",
        "each waits for the disk some ten times, and the fastest is the luckiest. "
        "Lists show equally many batches of both journals. Ten instances a batch.",
        f"Limits: {LIST_LIMIT:g} × for what is read (or {FLOOR * 1000:g} ms more), "
        f"{BATCH_LIMIT:g} × for a batch on its way.",
        "Pages and lists of the API are asked for over the worker's socket, above a journal alone. The risk report",
        "stands as long as the journal does not change; the first one reads every released study of its project.",
        "",
        f"| question | {head} |",
        "| --- |" + " --- | --- | --- |" * len(kinds),
    ]
    compared = {kind: _compared(results[kind]) for kind in kinds}
    for name in compared[kinds[0]]:
        cells = []
        for kind in kinds:
            before, after = compared[kind][name]
            cells += [f"{before * 1000:.2f}", f"{after * 1000:.2f}", f"{after / before:.2f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    missed = [f"{kind}: {name}" for kind in kinds for name in _missed(results[kind])]
    lines += ["", f"Limits missed: {', '.join(missed) or 'none'}.", ""]
    return "\n".join(lines)
