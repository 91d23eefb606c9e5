"""Does a pull delay live studies? The same live study with a cohort being pulled and without, in turn.

python -m benchmarks pull           writes docs/benchmarks/pull.md
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.dicom import Person, StudyMaker
from tests.servers.pacs import cohort, make_pacs
from tests.servers.stack import Stack
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from tests.servers.orthanc import OrthancServer

DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks" / "pull.md"
LIVE_IMAGES, PULLED_IMAGES, PULLED_STUDIES = 60, 20, 12
ROWS = 512  # 512 × 512 × 2 bytes = 512 KB
ROUNDS = 7
LIMIT = 1.10


def _fill(pacs: OrthancServer, number: int) -> list[str]:
    """Give the PACS the studies of a cohort; return its rows."""
    rows = []
    for study in range(PULLED_STUDIES):
        name = f"{number}x{study}"
        maker = StudyMaker(Person(f"P{name}"), accession_number=f"A{name}", rows=ROWS)
        for image in maker.instances(PULLED_IMAGES):
            pacs.upload(image)
        rows.append(f"A{name},,,,,")
    return rows


def _live(stack: Stack, folder: Path) -> float:
    """Return the seconds from the first image of a new study at Orthanc until it was read back at its destination."""
    folder.mkdir(parents=True)
    maker = StudyMaker(rows=ROWS)
    for index, data in enumerate(maker.instances(LIVE_IMAGES)):
        (folder / f"{index:04}.dcm").write_bytes(data)
    os.sync()
    before = max((one["id"] for one in stack.batches()), default=0)
    begin = time.perf_counter()
    stack.source.store_scu(folder)

    def done() -> bool:
        batches = [one for one in stack.api("batches?project=irb1&limit=500")["batches"] if one["id"] > before]
        return bool(batches) and all(one["state"] == "DONE" for one in batches)

    wait_for(done, "the live study to be delivered", limit=300)
    seconds = time.perf_counter() - begin
    for path in folder.iterdir():
        path.unlink()
    return seconds


def _pulling(stack: Stack, rows: list[str]) -> int:
    """Begin a pull; return its number once its studies are at work."""
    body = {"cohort": cohort(rows), "source": "pacs", "project": "cohort"}
    number = int(stack.api("pulls", "POST", json=body)["id"])
    wait_for(lambda: stack.api(f"pulls/{number}")["studies_done"] >= 2, "the pull", limit=120)
    return number


def main() -> bool:
    """Print the figures and write the page; return whether the ratio is within the limit."""
    os.environ["TCP_NODELAY"] = "1"
    with tempfile.TemporaryDirectory(prefix="sendit-bench-") as name:
        folder = Path(name)
        with Stack(folder / "stack") as stack:
            stack.sendit["Projects"]["cohort"] = {"Destinations": ["research"]}
            with make_pacs(folder / "pacs", stack) as pacs:
                cohorts = [_fill(pacs, number) for number in range(ROUNDS + 1)]
                stack.start()
                pairs = [_round(stack, folder, number, rows) for number, rows in enumerate(cohorts)][1:]  # one warms up
    ratio = statistics.median(with_pull / without for without, with_pull in pairs)
    page = _page(pairs, ratio)
    DOCUMENT.write_text(page, encoding="utf-8")
    print(page)
    return ratio <= LIMIT


def _round(stack: Stack, folder: Path, number: int, rows: list[str]) -> tuple[float, float]:
    """Return the seconds of a live study without a pull, and of one with."""
    without = _live(stack, folder / f"{number}-without")
    pull = _pulling(stack, rows)
    with_pull = _live(stack, folder / f"{number}-with")
    left = stack.api(f"pulls/{pull}")
    wait_for(lambda: stack.api(f"pulls/{pull}")["state"] != "RUNNING", "the pull to end", limit=600)
    wait_for(lambda: all(b["state"] == "DONE" for b in stack.batches()), "all of it to be delivered", limit=600)
    print(f"  without {without:.2f} s, with {with_pull:.2f} s; then {left['studies_done']} of {left['studies']} pulled")
    return without, with_pull


def _page(pairs: list[tuple[float, float]], ratio: float) -> str:
    lines = [
        "# Live studies while a cohort is pulled",
        "",
        f"Written by `python -m benchmarks pull`: a live study of {LIVE_IMAGES} images of 512 KB, by C-STORE,",
        "from its first image until it was read back at its destination, without a pull and while one of",
        f"{PULLED_STUDIES} studies of {PULLED_IMAGES} images runs, {ROUNDS} times in turn. One machine",
        "has both Orthancs, the PACS and SendIt. Rounds scatter where it does other work, too; below 1 is noise.",
        "",
        "| Round | without, s | with, s | ratio |",
        "| --- | --- | --- | --- |",
        *(f"| {n} | {a:.2f} | {b:.2f} | {b / a:.2f} |" for n, (a, b) in enumerate(pairs, 1)),
        "",
        f"Median of the ratios: **{ratio:.2f}** (limit {LIMIT}).",
        "",
    ]
    return "\n".join(lines)
