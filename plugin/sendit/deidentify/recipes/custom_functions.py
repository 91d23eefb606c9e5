"""A project's Python file: its functions are `func:NAME` in a recipe, its texts and integers `var:NAME`.

A function is called as in deid, with keywords: `item` (the values of var:, coded), `value` (the recipe's), `field` (the
element: `.element`, `.name`, `.uid`) and `dicom` (the dataset before any change, without its pixels). It returns a
text; as a condition of REMOVE, True or False; for JITTER, a number of days.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import traceback
import warnings
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pydicom
from pydicom.datadict import keyword_for_tag

from sendit.deidentify.dicom.dataset import group_and_element
from sendit.deidentify.recipes.parser import RecipeText
from sendit.deidentify.replacements import FUNCTIONS, VARIABLES
from sendit.errors import Misconfigured, Quarantine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pydicom.dataset import Dataset

    from sendit.deidentify.recipes.selectors import Path

_MODULE = "sendit_project_functions"
_ARGUMENTS = ("item", "value", "field", "dicom")


class FunctionsText(RecipeText):
    """The project's Python file. It is passed with the recipes, and run in every process that de-identifies."""


@dataclass(frozen=True)
class ProjectNames:
    """The names that the file defines."""

    functions: Mapping[str, Callable[..., object]]
    variables: Mapping[str, str]


NO_NAMES = ProjectNames(MappingProxyType({}), MappingProxyType({}))


@lru_cache(maxsize=64)
def load_functions(text: FunctionsText | None) -> ProjectNames:
    """Run the file and list the names that it defines.

    Raises:
        Misconfigured: it cannot be run, or defines a name of SendIt's own.
    """
    if text is None:
        return NO_NAMES
    namespace: dict[str, Any] = {"__name__": _MODULE, "__file__": text.name}
    try:
        with _silence():
            exec(compile(text.text, text.name, "exec"), namespace)
    except (Exception, SystemExit) as error:  # noqa: BLE001  it may raise anything
        raise _wrong(text, _line_of(text, error), f"it cannot be run ({type(error).__name__})", "Correct it.") from None
    functions: dict[str, Callable[..., object]] = {}
    variables: dict[str, str] = {}
    for name, value in namespace.items():
        if name.startswith("_"):
            continue
        if inspect.isfunction(value) and value.__module__ == _MODULE:
            _check_function(text, name, value)
            functions[name] = value
        elif isinstance(value, (str, int)) and not isinstance(value, bool):
            if name in VARIABLES:
                raise _wrong(text, 1, f"var:{name} is SendIt's own", "Give it another name.")
            variables[name] = str(value)
    return ProjectNames(MappingProxyType(functions), MappingProxyType(variables))


def _check_function(text: FunctionsText, name: str, function: Callable[..., object]) -> None:
    line = function.__code__.co_firstlineno
    if name in FUNCTIONS:
        raise _wrong(text, line, f"func:{name} is SendIt's own", "Give it another name.")
    try:
        inspect.signature(function).bind(**dict.fromkeys(_ARGUMENTS))
    except TypeError:
        remedy = f"Begin it with: def {name}({', '.join(_ARGUMENTS)}):"
        raise _wrong(text, line, f"{name} does not take the arguments that deid passes", remedy) from None


def _wrong(text: FunctionsText, line: int, problem: str, remedy: str) -> Misconfigured:
    return Misconfigured(f"functions {text.name}, line {line}", problem, remedy)


def _line_of(text: FunctionsText, error: BaseException) -> int:
    if isinstance(error, SyntaxError):
        return error.lineno or 1
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == text.name]
    return (lines[-1] if lines else 1) or 1


@dataclass(frozen=True, slots=True)
class Field:
    """An element as deid's functions know it."""

    element: Any  # pydicom.DataElement; None of one that is added
    name: str  # keywords from the top, with __ between
    uid: str  # tags and items from the top, with __ between

    @property
    def tag(self) -> str:
        """Return the tag as pydicom prints it."""
        return str(self.element.tag)

    @property
    def stripped_tag(self) -> str:
        """Return the tag as eight digits."""
        return self.tag.strip("()").replace(",", "").replace(" ", "")


class Caller:
    """Calls the functions of a project for the elements of one file. Any error quarantines the instance."""

    def __init__(self, names: ProjectNames, file: memoryview, item: Callable[[], Mapping[str, str]]) -> None:
        self._names = names
        self._file = file
        self._make_item = item
        self._item: Mapping[str, str] | None = None
        self._dicom: Dataset | None = None

    def text(self, name: str, value: str, path: Path) -> str:
        """Return the answer of a function that makes a value."""
        answer = self._call(name, value, path)
        if not isinstance(answer, str):
            raise Quarantine(f"the project's function {name} returned not text but {type(answer).__name__}")
        return answer

    def truth(self, name: str, value: str, path: Path) -> bool:
        """Return the answer of a function that is a condition."""
        answer = self._call(name, value, path)
        if not isinstance(answer, bool):
            raise Quarantine(
                f"the project's function {name} returned neither True nor False but {type(answer).__name__}"
            )
        return answer

    def days(self, name: str, value: str, path: Path) -> int:
        """Return the answer of a function that says by how many days a date moves."""
        answer = self._call(name, value, path)
        if isinstance(answer, bool) or not isinstance(answer, int) or abs(answer) > 99_999:
            raise Quarantine(f"the project's function {name} returned no number of days")
        return answer

    def _call(self, name: str, value: str, path: Path) -> object:
        try:
            with _silence():
                if self._dicom is None:
                    stream = io.BufferedReader(_View(self._file))
                    self._dicom = pydicom.dcmread(stream, stop_before_pixels=True, force=True)
                if self._item is None:
                    self._item = {**self._names.variables, **self._make_item()}
                field = _field(self._dicom, path)
                arguments = {"item": dict(self._item), "value": value, "field": field, "dicom": self._dicom}
                return self._names.functions[name](**arguments)
        except (Exception, SystemExit) as error:  # noqa: BLE001  it may raise anything; its text may be a value
            raise Quarantine(f"the project's function {name} failed ({type(error).__name__})") from None


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Discard what a function prints and what pydicom warns of: it could be somebody's name."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def _field(dicom: Dataset, path: Path) -> Field:
    """Return the element at a path; a Field without one if it is missing."""
    names, uids = [], []
    element: Any = None
    dataset = dicom
    for tag, item in path:
        element = dataset.get(tag)
        names.append(keyword_for_tag(tag))
        uids.append(group_and_element(tag))
        if item >= 0:
            uids.append(str(item))
            dataset = element.value[item]
    return Field(element, "__".join(names), "__".join(uids))


class _View(io.RawIOBase):
    """A buffer as a file, without a copy of it."""

    name = ""  # pydicom asks for it

    def __init__(self, data: memoryview) -> None:
        super().__init__()
        self._data, self._position = data, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: len(self._data)}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        part = self._data[self._position : self._position + len(buffer)]
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)
