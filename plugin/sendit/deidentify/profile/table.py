"""The Basic Application Level Confidentiality Profile and its options as data (PS3.15 Annex E, Table E.1-1).

What decides about an attribute: the table; or else, for text and bytes, the allowlist; or else coded and numeric
attributes of the standard stay, and everything that is not in the dictionary is removed. `rules` returns all of it;
`_rule_of_row` reads one row of the table.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import tag_for_keyword

from sendit.deidentify.dicom.dataset import BYTES_VRS, DATE_VRS, TEXT_VRS
from sendit.deidentify.options import Option
from sendit.deidentify.plan import CLEAN_PIXELS, Action, Rule
from sendit.deidentify.profile.overlays import overlay_rules
from sendit.deidentify.profile.private import PrivateTag, safe_rules
from sendit.deidentify.tables import table_lines, table_rows, tag_of
from sendit.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

EDITION = "2026d"

#: The column of the table for each option.
_COLUMNS: Mapping[Option, str] = {
    Option.RETAIN_UIDS: "retain_uids",
    Option.RETAIN_DEVICE_IDENTITY: "retain_device_identity",
    Option.RETAIN_INSTITUTION_IDENTITY: "retain_institution_identity",
    Option.RETAIN_PATIENT_CHARACTERISTICS: "retain_patient_characteristics",
    Option.RETAIN_LONGITUDINAL_FULL_DATES: "retain_longitudinal_full_dates",
    Option.RETAIN_LONGITUDINAL_MODIFIED_DATES: "retain_longitudinal_modified_dates",
    Option.RETAIN_SAFE_PRIVATE: "retain_safe_private",
    Option.CLEAN_DESCRIPTORS: "clean_descriptors",
    Option.CLEAN_STRUCTURED_CONTENT: "clean_structured_content",
    Option.CLEAN_GRAPHICS: "clean_graphics",
    Option.CLEAN_PIXEL_DATA: "",  # no attribute is concerned
}
_CODES: Mapping[Option, str] = {
    Option.RETAIN_UIDS: "113110",
    Option.RETAIN_DEVICE_IDENTITY: "113109",
    Option.RETAIN_INSTITUTION_IDENTITY: "113112",
    Option.RETAIN_PATIENT_CHARACTERISTICS: "113108",
    Option.RETAIN_LONGITUDINAL_FULL_DATES: "113106",
    Option.RETAIN_LONGITUDINAL_MODIFIED_DATES: "113107",
    Option.RETAIN_SAFE_PRIVATE: "113111",
    Option.CLEAN_DESCRIPTORS: "113105",
    Option.CLEAN_STRUCTURED_CONTENT: "113104",
    Option.CLEAN_GRAPHICS: "113103",
    Option.CLEAN_PIXEL_DATA: CLEAN_PIXELS,
}
_BASIC_CODE = "113100"

#: Options whose C means free text. (That of RetainDeviceIdentity means AE titles, which cannot be cleaned.)
_CLEANING = (
    Option.CLEAN_DESCRIPTORS,
    Option.CLEAN_STRUCTURED_CONTENT,
    Option.CLEAN_GRAPHICS,
    Option.RETAIN_PATIENT_CHARACTERISTICS,
    Option.RETAIN_LONGITUDINAL_MODIFIED_DATES,  # TimezoneOffsetFromUTC: a zone stays
)

#: Pairs that contradict each other in this edition.
_CONFLICTS = (
    (
        Option.RETAIN_LONGITUDINAL_FULL_DATES,
        Option.RETAIN_LONGITUDINAL_MODIFIED_DATES,
        "dates cannot both stay and move",
    ),
    (
        Option.RETAIN_DEVICE_IDENTITY,
        Option.RETAIN_LONGITUDINAL_MODIFIED_DATES,
        "Table E.1-1 of edition 2026d keeps the 11 dates of the device under the one and moves them under the other, "
        "and the dates kept would disclose by how much the others moved",
    ),
)

#: Compound codes: the first allowed form of D, U, Z, X. It conforms whatever the type of the attribute.
_FORMS = (("D", Action.DUMMY), ("U", Action.UID), ("Z", Action.EMPTY), ("X", Action.REMOVE))

_TEXT_VALUE, _UNFORMATTED_TEXT = 0x0040A160, 0x00700006

#: It certifies when a signature was made, which goes; its bytes may name who signed.
_CERTIFIED_TIMESTAMP = 0x04000310

#: TrackingID: what a finding is followed by, in a segmentation as in the content items of a report.
_TRACKING_ID = 0x00620020

_PSEUDONYMS = {
    0x00080050: Action.ACCESSION,  # AccessionNumber: the table empties it; a code distinguishes the studies
    0x00100010: Action.PATIENT,  # PatientName: the same pseudonym as PatientID, readable where only names are shown
    0x00100020: Action.PATIENT,  # PatientID
}

#: Dates of code tables, of templates, of products and of approvals: anybody can look them up.
#: (ContextGroupVersion, ContextGroupLocalVersion, TemplateVersion, TemplateLocalVersion, ProductExpirationDateTime,
#: EffectiveDateTime, InformationIssueDateTime, HangingProtocolCreationDateTime,
#: EthicsCommitteeApprovalEffectivenessStartDate and …EndDate)
_PUBLISHED = frozenset(
    {
        0x00080106,
        0x00080107,
        0x0040DB06,
        0x0040DB07,
        0x0044000B,
        0x00686226,
        0x00686270,
        0x0072000A,
        0x00120086,
        0x00120087,
    }
)


_FACES = "it cannot take faces out of CT or MR images of heads"
_FACES_CURE = (
    "Remove it, knowing that faces stay; take no heads into the project, or have them defaced before they come "
    "(docs/decisions/0011-faces.md)."
)


def check_options(options: Sequence[Option]) -> None:
    """Raise Misconfigured for an option that is not available, and for two that contradict each other."""
    for option in options:
        if option is Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES:
            raise Misconfigured("Options", f"{option} is not available in this version: {_FACES}", _FACES_CURE)
    for first, second, reason in _CONFLICTS:
        if first in options and second in options:
            raise Misconfigured("Options", f"{first} and {second} contradict each other: {reason}", "Choose one.")


def method_codes(options: Iterable[Option]) -> tuple[tuple[str, str, str], ...]:
    """Return DeidentificationMethodCodeSequence for the profile with these options: codes of CID 7050, ascending."""
    codes = {_BASIC_CODE, *(_CODES[option] for option in options)}
    return tuple(
        (row["code_value"], row["coding_scheme"], row["code_meaning"])
        for row in sorted(_read("cid_7050_deidentification_methods.csv"), key=lambda row: row["code_value"])
        if row["code_value"] in codes
    )


def rules(options: Sequence[Option]) -> dict[int, Rule]:
    """Return the rule of every attribute of the standard that has one, by tag. All others are removed."""
    by_tag = dict(_unlisted_rules())
    for tag, row in listed().items():
        by_tag[tag] = _rule_of_row(tag, row, options)
    if Option.CLEAN_DESCRIPTORS in options:
        by_tag.update((tag, _described(by_tag[tag])) for tag in descriptors())
    if Option.CLEAN_STRUCTURED_CONTENT in options:
        by_tag[_TRACKING_ID] = _described(by_tag[_TRACKING_ID])
        by_tag[_TEXT_VALUE] = Rule(Action.CLEAN, "UT", fallback=Action.DUMMY)
    if Option.CLEAN_GRAPHICS in options:
        by_tag[_UNFORMATTED_TEXT] = Rule(Action.CLEAN, "ST", fallback=Action.DUMMY)
        by_tag.update(overlay_rules())
    return by_tag


def _described(rule: Rule) -> Rule:
    """Return the rule that cleans a text, with the previous rule as the fallback."""
    return (
        rule if rule.action is Action.CLEAN else Rule(Action.CLEAN, rule.vr, fallback=rule.action, origin="allowlist")
    )


@cache
def descriptors() -> tuple[int, ...]:
    """Return the tags of descriptive texts that the table does not name: `tables/descriptors.txt`."""
    return tuple(tag_of(keyword, "descriptors.txt") for keyword in table_lines("descriptors.txt"))


@cache
def listed() -> Mapping[int, Mapping[str, str]]:
    """Return the rows of Table E.1-1 by tag. Patterns (private, curves, overlays) have no rule."""
    rows = _read("ps3_15_table_e1_1.csv")
    return {int(row["tag_pattern"], 16): row for row in rows if _is_hexadecimal(row["tag_pattern"])}


def private_rules(options: Sequence[Option], own: Sequence[str]) -> dict[PrivateTag, Rule]:
    """Return the rules for retained private attributes: Table E.3.10-1, overridden by a project's own list.

    Raises:
        Misconfigured: an entry of the list is invalid, or there is a list without the option.
    """
    if Option.RETAIN_SAFE_PRIVATE not in options:
        if own:
            raise Misconfigured(
                "SafePrivate", f"it needs the option {Option.RETAIN_SAFE_PRIVATE}", "Add it to Options."
            )
        return {}
    dates = Action.REMOVE
    if Option.RETAIN_LONGITUDINAL_FULL_DATES in options:
        dates = Action.KEEP_DATE
    elif Option.RETAIN_LONGITUDINAL_MODIFIED_DATES in options:
        dates = Action.SHIFT
    uids = Action.KEEP if Option.RETAIN_UIDS in options else Action.UID
    return safe_rules(_read("ps3_15_table_e3_10_1_safe_private.csv"), own, dates, uids)


def _rule_of_row(tag: int, row: Mapping[str, str], options: Sequence[Option]) -> Rule:
    if tag not in DicomDictionary:  # of a later edition than pydicom's: what an option would retain is unknown
        return Rule(Action.REMOVE, "UN")
    vr = DicomDictionary[tag][0]
    basic = _basic_action(tag, vr, row["basic_profile"])
    cells = {option: row.get(_COLUMNS[option], "") for option in options}
    if "K" in cells.values() and tag != _CERTIFIED_TIMESTAMP:
        return Rule(Action.KEEP_DATE if vr in DATE_VRS else Action.KEEP, vr, fallback=basic)
    if vr in DATE_VRS:
        # A date of the device, or of what is published, is known from elsewhere: moved, it would disclose the offset.
        known = row["retain_device_identity"] or tag in _PUBLISHED
        moved = cells.get(Option.RETAIN_LONGITUDINAL_MODIFIED_DATES) == "C" and not known
        return Rule(Action.SHIFT, vr, fallback=basic) if moved else Rule(basic, vr)
    if any(cells.get(option) == "C" for option in _CLEANING):
        return _cleaned(vr, basic)
    return Rule(basic, vr)


def _cleaned(vr: str, basic: Action) -> Rule:
    """Return the rule for what is to be cleaned: text, or the items of a sequence; bytes cannot be cleaned."""
    if vr == "SQ":
        return Rule(Action.KEEP, vr, fallback=basic)
    return Rule(Action.CLEAN, vr, fallback=basic) if vr in TEXT_VRS else Rule(basic, vr)


def _basic_action(tag: int, vr: str, codes: str) -> Action:
    if tag in _PSEUDONYMS:
        return _PSEUDONYMS[tag]
    form = next(action for letter, action in _FORMS if letter in codes)
    if vr == "SQ" and form is Action.EMPTY and "X" in codes:
        return Action.REMOVE  # of type 3, a sequence without items says less than none; required.csv has the others
    return Action.UID if form is Action.DUMMY and vr == "UI" else form


@cache
def _unlisted_rules() -> Mapping[int, Rule]:
    return dict(_unlisted())


def _unlisted() -> Iterator[tuple[int, Rule]]:
    """Yield rules for the attributes of the standard that the table does not contain."""
    allowed = allowlist()
    for tag, (vr, _, _, _, _) in DicomDictionary.items():
        group = tag >> 16
        if group <= 0x0006 or group % 2 or group >= 0xFFFA:  # commands, file meta, DICOMDIR; private; delimiters
            continue
        if tag in allowed:
            yield tag, Rule(allowed[tag], vr, origin="allowlist")
        elif vr == "UI":
            yield tag, Rule(Action.UID, vr, origin="allowlist")
        elif vr in DATE_VRS or not set(vr.split(" or ")).isdisjoint(TEXT_VRS | BYTES_VRS):
            yield tag, Rule(Action.REMOVE, vr, origin="allowlist")
        elif vr != "NONE":
            yield tag, Rule(Action.KEEP, vr, origin="allowlist")


@cache
def allowlist() -> Mapping[int, Action]:
    """Return the actions for text and bytes that the table does not contain, by tag: `tables/allowlist.txt`.

    Each line has a keyword, followed by X, Z, D or N if the attribute does not stay as it is.
    """
    actions = {}
    for line in table_lines("allowlist.txt"):
        words = line.partition("#")[0].split()
        if words:
            actions[tag_of(words[0], "allowlist.txt")] = Action(words[1]) if len(words) > 1 else Action.KEEP
    return actions


#: Texts that are short codes, names of makes and version numbers: in them, what looks like a date or an identifier is
#: legitimate.
_TERSE = """CodingSchemeDesignator CodingSchemeVersion CodingSchemeRegistry
    MappingResourceName Manufacturer ManufacturerModelName ManufacturerRelatedModelGroup ManufacturerModelVersion
    SoftwareVersions SecondaryCaptureDeviceManufacturer SecondaryCaptureDeviceManufacturerModelName
    SecondaryCaptureDeviceSoftwareVersions DetectorManufacturerName DetectorManufacturerModelName ReceiveCoilName
    ReceiveCoilManufacturerName TransmitCoilName TransmitCoilManufacturerName ApplicationName ApplicationVersion
    ApplicationManufacturer AlgorithmName SegmentAlgorithmName AlgorithmVersion AlgorithmParameters SequenceName
    PulseSequenceName ImagedNucleus
    ConvolutionKernel StackID TransducerData MultiCoilElementName EnergyWindowName DimensionIndexPrivateCreator
    FunctionalGroupPrivateCreator"""


@cache
def technical_texts() -> frozenset[int]:
    """Return the tags of those texts."""
    return frozenset(int(tag) for keyword in _TERSE.split() if (tag := tag_for_keyword(keyword)) is not None)


#: Those of them that name the version of a program, beside its name or alone.
_VERSIONS = """SoftwareVersions SecondaryCaptureDeviceSoftwareVersions ApplicationVersion AlgorithmVersion
    ManufacturerModelVersion CodingSchemeVersion ManufacturerModelName SecondaryCaptureDeviceManufacturerModelName"""


@cache
def version_texts() -> frozenset[int]:
    """Return the tags of those texts."""
    return frozenset(int(tag) for keyword in _VERSIONS.split() if (tag := tag_for_keyword(keyword)) is not None)


@cache
def _read(name: str) -> list[dict[str, str]]:
    return table_rows(EDITION, name)


def _is_hexadecimal(pattern: str) -> bool:
    return len(pattern) == 8 and all(digit in "0123456789ABCDEFabcdef" for digit in pattern)
