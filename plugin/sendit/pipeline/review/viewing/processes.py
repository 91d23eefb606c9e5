"""Processes of their own in which files are decoded for a reviewer: decoders are written in C, and may crash or hang.

They are apart from those that de-identify, so that a reviewer does not wait for a batch. The file that was looked at
last stays in the memory of its process for a minute: a series of frames is read once.
"""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import CancelledError, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydicom.datadict import keyword_for_tag

from sendit.deidentify.dicom.dataset import group_and_element
from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.explain import Row, compare, explain
from sendit.deidentify.pixels.frames import Frames
from sendit.deidentify.pixels.viewing import FrameFacts, Window, frame_facts, rendered, sheet_of, tile
from sendit.errors import Misconfigured, Quarantine, Reject, Retry
from sendit.pipeline.pool.executor import new_executor, no_interrupt
from sendit.pipeline.pool.limits import limited
from sendit.pipeline.pool.pixel_tools import pixel_tools
from sendit.pipeline.pool.processes import ProjectSpec, plan_of
from sendit.pipeline.pool.trial import end
from sendit.storage.staging import fetched, opened

if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable, Iterator, Mapping

    from PIL.Image import Image

J = TypeVar("J")
T = TypeVar("T")

#: Seconds for one look, and more for a large file; below the time that the plugin waits for an answer.
_SECONDS = 20
#: A preview de-identifies: it searches for text, too.
_PREVIEW_SECONDS = 50
#: For how long a file stays in memory after it was looked at, in seconds.
_KEPT_SECONDS = 60.0
#: Characters of a value that reviewers see.
LONGEST_VALUE = 512
_DIED = "it ended the process that decoded it (damaged, or too large)"


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Something cannot be shown, and why. The reason holds no value of the file."""

    reason: str


@dataclass(frozen=True, slots=True)
class File:
    """A file to look at: a staged output, or an original that is read from the local Orthanc."""

    source: str | Path
    near: Path  # a folder on a disk with room for a large one, which gets no name there
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    certificate: str = ""
    version: str = ""  # another one: what stays in memory is read again


@dataclass(frozen=True, slots=True)
class FrameLook:
    """A frame to show, from 0."""

    file: File
    index: int
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class SheetLook:
    """Frames to show small, from 0, on one sheet."""

    looks: tuple[tuple[File | None, int], ...]


@dataclass(frozen=True, slots=True)
class HeaderLook:
    """A header to show: that of the original, compared with that of the output if there is one."""

    project: ProjectSpec
    before: File
    after: File | None
    pixels: Mapping[str, Any]  # of the receipt


@dataclass(frozen=True, slots=True)
class PreviewLook:
    """An instance to de-identify for a look alone."""

    project: ProjectSpec
    file: File


@dataclass(frozen=True, slots=True)
class RulesLook:
    """An original to look at with two versions of a project's rules."""

    former: ProjectSpec
    present: ProjectSpec
    file: File


@dataclass(frozen=True, slots=True)
class RuleChange:
    """An attribute that two versions of the rules treat in different ways. Holds no value of the file."""

    tag: str  # as `Row` has it
    name: str
    before: str  # what the former rules do: kept, removed, replaced …
    before_rule: str
    after: str
    after_rule: str


@dataclass(frozen=True, slots=True)
class Preview:
    """Preview of the de-identification of an instance: rows of its header, or why it would not be released."""

    rows: tuple[Row, ...]
    refused: str = ""  # "rejected" or "quarantined"; the rows tell what the plan would do
    reason: str = ""


class ViewingPool:
    """A few processes that decode for the screen, started when they are needed. Safe to use from several threads."""

    def __init__(self, processes: int = 2) -> None:
        self._processes = processes
        self._lock = threading.Lock()
        self._executor: ProcessPoolExecutor | None = None
        self._closed = False

    def run(self, work: Callable[[J], T], job: J) -> T | Unavailable:
        """Return what a function of this module makes of a job.

        Raises:
            Retry: the local Orthanc does not answer, or SendIt is stopping.
            Misconfigured: the project's key or recipe is unavailable.
        """
        for _ in range(2):  # another one may have ended the process
            with contextlib.suppress(BrokenProcessPool, CancelledError):
                return self._submitted(work, job)
        return Unavailable(_DIED)

    def _submitted(self, work: Callable[[J], T], job: J) -> T:
        with self._lock:
            if self._closed:
                raise Retry("SendIt is stopping")
            if self._executor is None:
                self._executor = new_executor(self._processes)
            executor = self._executor
            with self._renewed(executor), no_interrupt():
                future = executor.submit(work, job)
        with self._renewed(executor):
            return future.result()

    @contextlib.contextmanager
    def _renewed(self, executor: ProcessPoolExecutor) -> Iterator[None]:
        """Start anew at the next look if a process died."""
        try:
            yield
        except BrokenProcessPool:
            if self._executor is executor:
                self._executor = None
            raise

    def close(self) -> None:
        """End the processes at once."""
        with self._lock:
            self._closed = True
            executor, self._executor = self._executor, None
        if executor is not None:
            end(executor)


# --- in the child -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Kept:
    """The file that was looked at last."""

    file: File | None = None
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    content: bytes | mmap.mmap = b""
    frames: Frames | None = None
    timer: threading.Timer | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def forget(self) -> None:
        with self.lock:
            self.file, self.frames, self.content = None, None, b""
            self.stack.close()


_kept = _Kept()


def facts(look: FrameLook) -> FrameFacts | Unavailable:
    """Return size and windows of an instance."""
    return _guarded(look.file, _SECONDS, lambda: frame_facts(_frames(), look.index))


def frame(look: FrameLook) -> bytes | Unavailable:
    """Return a frame as PNG."""
    return _guarded(look.file, _SECONDS, lambda: rendered(_frames(), look.index, look.window))


def sheet(look: SheetLook) -> bytes | Unavailable:
    """Return frames as tiles of one PNG; those that cannot be decoded stay dark."""

    def made(file: File | None, index: int) -> Image | None:
        if file is None:
            return None
        picture = _guarded(file, _SECONDS, lambda: tile(_frames(), index))
        return None if isinstance(picture, Unavailable) else picture

    return sheet_of(made(file, index) for file, index in look.looks)


def header(look: HeaderLook) -> tuple[Row, ...] | Unavailable:
    """Return the rows of a header."""
    return _guarded(look.before, _SECONDS, lambda: _compared(look))


def preview(look: PreviewLook) -> Preview | Unavailable:
    """De-identify an instance in memory; return what would become of its header."""
    return _guarded(look.file, _PREVIEW_SECONDS, lambda: _previewed(look))


def changed_rules(look: RulesLook) -> tuple[RuleChange, ...] | Unavailable:
    """Return the attributes of an original that the two versions of the rules treat in different ways."""
    return _guarded(look.file, _SECONDS, lambda: _changed(look))


def _changed(look: RulesLook) -> tuple[RuleChange, ...]:
    """Compare what both plans would do. An attribute of several items counts once, as the first of them."""
    former, present = (_planned(spec) for spec in (look.former, look.present))
    changes = []
    for path in dict.fromkeys((*former, *present)):
        (before, before_rule), (after, after_rule) = former.get(path, _ABSENT), present.get(path, _ABSENT)
        if (before, before_rule) != (after, after_rule):
            *_, (tag, name) = path
            changes.append(RuleChange("> " * (len(path) - 1) + tag, name, before, before_rule, after, after_rule))
    return tuple(changes)


def _planned(spec: ProjectSpec) -> dict[tuple[tuple[str, str], ...], tuple[str, str]]:
    """Return what a plan does to each attribute, by the tags and names on the way to it."""
    plan, identities = plan_of(spec)
    planned: dict[tuple[tuple[str, str], ...], tuple[str, str]] = {}
    above: list[tuple[str, str]] = []
    for row in compare(_kept.content, None, plan, identities, {}, 0):
        above[row.depth :] = [(row.tag.lstrip("> "), row.name)]
        planned.setdefault(tuple(above), (row.happens.removeprefix("would be "), row.decided))
    for tag in plan.added:
        planned.setdefault(((group_and_element(tag), keyword_for_tag(tag)),), ("added", plan.rules[tag].origin))
    return planned


_ABSENT = ("", "")


def _compared(look: HeaderLook) -> tuple[Row, ...]:
    plan, identities = plan_of(look.project)
    with contextlib.ExitStack() as stack:
        output = None if look.after is None else stack.enter_context(_opened(look.after))
        return tuple(compare(_kept.content, output, plan, identities, look.pixels, LONGEST_VALUE))


def _previewed(look: PreviewLook) -> Preview:
    plan, identities = plan_of(look.project)
    tools = pixel_tools(look.file.near) if plan.clean_pixels else None
    explained = explain(_kept.content, plan, identities, tools, LONGEST_VALUE)
    if isinstance(explained, list):
        return Preview(tuple(explained))
    refused = type(explained).__name__.lower()
    try:
        rows = compare(_kept.content, None, plan, identities, {}, LONGEST_VALUE)
    except (Reject, Quarantine):
        rows = []
    return Preview(tuple(rows), refused, explained.reason)


def _guarded(file: File, seconds: int, work: Callable[[], T]) -> T | Unavailable:
    """Return the result of `work` with the file at hand. Only errors that can be pickled are raised."""
    try:
        _keep(file)
        with limited(len(_kept.content), seconds):
            return work()
    except (Reject, Quarantine) as reason:
        return Unavailable(str(reason))
    except IndexError:
        return Unavailable("there is no such frame")
    except (Retry, Misconfigured):
        raise
    except MemoryError:
        return Unavailable("it needs more memory than one instance may use")
    except BaseException as error:  # noqa: BLE001  a look may end nothing
        return Unavailable(f"a fault of SendIt while it was decoded ({type(error).__name__})")


def _keep(file: File) -> None:
    """Read a file, unless it is the one at hand."""
    if _kept.timer is not None:
        _kept.timer.cancel()
    if _kept.file != file:
        _kept.forget()
        with contextlib.ExitStack() as stack:
            _kept.content = stack.enter_context(_opened(file))
            _kept.stack = stack.pop_all()
        _kept.file = file
    _kept.timer = threading.Timer(_KEPT_SECONDS, _kept.forget)
    _kept.timer.daemon = True
    _kept.timer.start()


def _frames() -> Frames:
    if _kept.frames is None:
        _kept.frames = Frames(read_file(memoryview(_kept.content)))
    return _kept.frames


@contextlib.contextmanager
def _opened(file: File) -> Iterator[bytes | mmap.mmap]:
    if isinstance(file.source, Path):
        with opened(file.source) as content:
            yield content
    else:
        with fetched(file.source, file.headers, file.certificate, file.near) as content:
            yield content
