"""Content items (PS3.3 C.17.3) whose concept says that their value is an identifier."""

from __future__ import annotations

from sendit.deidentify.dicom.dataset import Dataset, find
from sendit.deidentify.dicom.text import ascii_text

_CONCEPT_NAME, _CODE_VALUE, _CODE_SCHEME = 0x0040A043, 0x00080100, 0x00080102

#: Codes of DCM: names, identifiers and places of observers, subjects, orders, devices, specimens.
_IDENTIFYING = frozenset(
    {"121008", "121009", "121012", "121013", "121016", "121017", "121018", "121019", "121020", "121021", "121022"}
    | {"121028", "121029", "121030", "121031", "121040", "121041", "121043", "121081", "121114", "121193", "121196"}
    | {"110119", "111700", "111705", "113870", "113871", "113872", "113873", "113877", "113880", "128774"}
)


def identifies(item: Dataset) -> bool:
    """Return whether the value of a content item is an identifier, by the code of its concept name."""
    name = find(item, _CONCEPT_NAME)
    if name is None or not name.items:
        return False
    value, scheme = (find(name.items[0], tag) for tag in (_CODE_VALUE, _CODE_SCHEME))
    if value is None or scheme is None:
        return False
    return bytes(scheme.value).strip(b" \0") == b"DCM" and ascii_text(value.value) in _IDENTIFYING
