"""Runs the tools over the corpus and publishes the table; `python -m benchmarks leaks`, or `make bench-leaks`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom

from benchmarks.leaks import report, tools, validity
from benchmarks.leaks.corpus import PLACES, Sample, corpus, lenient
from benchmarks.leaks.forms import FORMS
from benchmarks.leaks.keep import characteristics
from benchmarks.leaks.names import LANGUAGES
from benchmarks.leaks.scoring import score

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEAST_KEPT = 0.999
_ROOT = Path(__file__).parents[2]
_PAGE = """# The leak benchmark

Written by `make bench-leaks`; the same versions give the same figures. {files} files (pydicom's own, all transfer
syntaxes that can be made, every character set file, and generated reports, presentation states, segmentations,
plans, documents, waveforms and multi-frame images) in which identifying values are planted in {places} places,
{tokens} values in all. Each value occurs nowhere else. The whole output is searched for it: as it is, in any case,
in UTF-16, decoded through the character set, inflated, out of base64.

{table}
- Tokens leaked: planted values that can be read in the output. Leak-free files: given out, and nothing found.
- Not given out: the tool failed on the file or refused it. Nothing leaks then. SendIt refuses encapsulated documents
  (2 of the files), as it cannot clean their contents.
- Values kept: of the {needed} values of technique, geometry and pixel description that research needs, those equal
  afterwards, in the files that the tool produced. Of all files: values of files without output count as lost.
  If SendIt is configured to retain patient characteristics, they are counted in addition.
- Pixels the same: the MD5 of PixelData.
- New errors: what dciodvfy reports for the output of an unplanted file and not, or less often, for that file;
  all files together.
- `make bench-leaks` fails if SendIt leaks one value, causes one new error or keeps less than 99.9 % of the values.
- Nothing done, and everything deleted: controls, which show that the search finds every value, and that a lost value
  is seen.

HTJ2K, JPEG XL, JPEG 2000 part 2 and encapsulated uncompressed: the header is real, the pixel data a placeholder. Code
values and coding schemes, names of makes and ImageType stay as they are: a bare surname of somebody whom the file names
nowhere else cannot be distinguished from a term there. From all other retained texts, unknown words are removed
(plugin/sendit/deidentify/text/vocabulary.py).

## By the form of the value

Identifiers have {forms} forms of real systems (`benchmarks/leaks/forms.py`), names those of {languages} languages
(`benchmarks/leaks/names.py`). More of each form, in fewer places: [codes.md](codes.md). Leaked of planted:

{kinds}

## Where each tool leaks most

{where}
"""


def main(compare: bool = True) -> bool:
    """Print and publish; whether SendIt leaks nothing, breaks no IOD, and keeps 99.9 % of what is needed."""
    samples = list(corpus())
    with tempfile.TemporaryDirectory(prefix="sendit-bench-") as name:
        folder = Path(name)
        _write(folder / "planted", {sample.name: sample.planted for sample in samples})
        _write(folder / "clean", {sample.name: sample.clean for sample in samples})
        chosen = [*tools.controls(), *tools.sendit(), *(tools.peers() if compare else [])]
        rows = [_row(tool, samples, folder, number) for number, tool in enumerate(chosen)]
    text = report.table(rows)
    print(text)
    for row in rows[2:]:
        print(f"leaks: {row.tool}: {report.worst_places(row)}")
    if compare:
        _publish(samples, rows, text)
    ours = [_clean(row) for row in rows[2:4]]
    return _controls_hold(rows[0], rows[1]) and all(ours)


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir()
    for name, content in files.items():
        (folder / f"{name}.dcm").write_bytes(content)


def _row(tool: tools.Tool, samples: Sequence[Sample], folder: Path, number: int) -> report.Row:
    row = report.Row(tool.name)
    given = {}
    for kind in ("planted", "clean"):
        given[kind] = folder / f"{number}-{kind}"
        given[kind].mkdir()
        tool.run(folder / kind, given[kind])
    if validity.available():
        row.new_errors = 0
    for sample in samples:
        path = given["planted"] / f"{sample.name}.dcm"
        also = _characteristics(sample) if tool.characteristics else None
        row.scores.append(score(sample, path.read_bytes() if path.exists() else None, also))
        clean = given["clean"] / path.name
        if row.new_errors is not None and clean.exists():
            row.new_errors += validity.new_errors(folder / "clean" / path.name, clean).total()
    return row


def _characteristics(sample: Sample) -> dict[tuple[str | int, ...], object]:
    with lenient():
        return characteristics(pydicom.dcmread(_stream(sample.clean), force=True))


def _stream(content: bytes) -> pydicom.filebase.DicomBytesIO:
    return pydicom.filebase.DicomBytesIO(content)


def _publish(samples: Sequence[Sample], rows: Sequence[report.Row], text: str) -> None:
    where = "\n".join(f"- {row.tool}: {report.worst_places(row)}" for row in rows[2:])
    page = _PAGE.format(
        files=len(samples),
        places=len(PLACES),
        tokens=sum(len(sample.tokens) for sample in samples),
        needed=rows[0].needed,
        table=text,
        where=where,
        forms=len(FORMS),
        languages=len(LANGUAGES),
        kinds=report.by_kind(samples, rows[2:4]),
    )
    target = _ROOT / "docs" / "benchmarks" / "leaks.md"
    os.makedirs(target.parent, exist_ok=True)
    target.write_text(page, "utf-8")
    report.write_between_markers(_ROOT / "README.md", text)


def _controls_hold(nothing: report.Row, everything: report.Row) -> bool:
    return (
        nothing.leaked == nothing.tokens and nothing.kept == nothing.needed and not everything.kept + everything.leaked
    )


def _clean(row: report.Row) -> bool:
    kept, needed = row.kept_of_given
    share = kept / needed if needed else 0.0
    print(f"leaks: {row.tool}: {row.leaked} leaked, {row.new_errors} new errors, {share:.2%} kept of what is given out")
    return row.leaked == 0 and not row.new_errors and share >= _LEAST_KEPT
