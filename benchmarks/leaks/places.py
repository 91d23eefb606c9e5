"""The register of the places that are planted. A place is a function that writes tokens into a dataset."""

from __future__ import annotations

from collections.abc import Callable

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.tag import BaseTag

from benchmarks.leaks.tokens import Tokens

Plant = Callable[[FileDataset, Tokens], None]

#: In the order of registration; the name of a place says where the token stands.
PLACES: list[tuple[str, Plant]] = []


def place(name: str) -> Callable[[Plant], Plant]:
    """Registers the function below it."""

    def register(plant: Plant) -> Plant:
        PLACES.append((name, plant))
        return plant

    return register


def put(target: Dataset, keyword: str, tokens: Tokens) -> None:
    """A token into an attribute of the standard, fit for its VR."""
    vr = dictionary_VR(keyword)
    target.add_new(_tag(keyword), vr, tokens.of_vr(vr))


def register_keywords(group: str, keywords: str, applies: Callable[[Dataset], bool] | None = None) -> None:
    """One place for each keyword, at the top of the dataset."""
    for keyword in keywords.split():
        _tag(keyword)

        def plant(dataset: FileDataset, tokens: Tokens, keyword: str = keyword) -> None:
            if keyword == "PatientName" and not str(dataset.get(keyword, "")).isascii():
                return  # of the files of the character sets, the name stays: it is a token
            if applies is None or applies(dataset):
                put(dataset, keyword, tokens)

        PLACES.append((f"{group}: {keyword}", plant))


def item_of(target: Dataset, keyword: str) -> Dataset:
    """The first item of a sequence, which is made where it is not there."""
    if keyword not in target or not target[keyword].value:
        setattr(target, keyword, [Dataset()])
    found: Dataset = target[keyword].value[0]
    return found


def put_raw(target: Dataset, tag: int, vr: str, text: str) -> None:
    """A value that pydicom would not take for this VR."""
    value = even(text.encode())
    target[tag] = RawDataElement(BaseTag(tag), vr, len(value), value, 0, False, True, True)


def even(value: bytes) -> bytes:
    return value + b" " * (len(value) % 2)


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise LookupError(f"{keyword} is no keyword of DICOM")
    return int(tag)
