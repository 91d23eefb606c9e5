"""Description of a project in words: what goes, what stays, dates, UIDs, pixels, pseudonyms, destinations, release."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sendit.api.viewer.schemas import ProjectLine
from sendit.config.project import PIXELS_PASS, CsvList, IdentityService, Project
from sendit.deidentify.options import Option
from sendit.deidentify.profile.table import EDITION

if TYPE_CHECKING:
    from sendit.config.schema import Settings

_STAYS = {
    Option.RETAIN_PATIENT_CHARACTERISTICS: "age, sex, size, weight and what else describes the patient without a name",
    Option.RETAIN_DEVICE_IDENTITY: "serial numbers and names of devices",
    Option.RETAIN_INSTITUTION_IDENTITY: "name and address of the institution",
    Option.CLEAN_DESCRIPTORS: "descriptions and comments, without words that may name somebody",
    Option.CLEAN_STRUCTURED_CONTENT: "the content of structured reports, cleaned",
    Option.CLEAN_GRAPHICS: "overlays and graphics, cleaned",
}


def profile_of(settings: Settings, name: str, project: Project) -> list[ProjectLine]:
    """Return what a project does, line by line."""
    return [ProjectLine(subject=subject, text=text) for subject, text in _lines(settings, name, project)]


def _lines(settings: Settings, name: str, project: Project) -> Iterator[tuple[str, str]]:
    options = set(project.options)
    yield "Studies", _matched(project, name)
    yield (
        "Goes",
        f"everything that the Basic Profile of PS3.15 {EDITION} removes, and every attribute that no rule keeps",
    )
    stays = [text for option, text in _STAYS.items() if option in options]
    yield "Stays", "; ".join(["what images need to be shown and measured", *stays])
    yield "Dates", _dates(options)
    yield "UIDs", "stay as they are" if Option.RETAIN_UIDS in options else "are replaced by codes under the key"
    yield "Private attributes", _private(project, options)
    yield "Pixels", _pixels(project, options)
    yield "Pseudonyms", _pseudonyms(project)
    yield "Recipes", ", ".join(project.recipes) or "none: the profile and its options decide alone"
    yield "Crosswalk", "is kept, encrypted" if project.crosswalk else "is not kept: nobody can look originals up"
    yield "Destinations", ", ".join(f"{one} ({settings.destinations[one].type})" for one in project.destinations)
    yield "Release", _release(project)
    delete = project.after_delivery == "DeleteOriginals"
    yield "Originals", "are deleted once every destination was read back" if delete else "stay in Orthanc"


def _matched(project: Project, name: str) -> str:
    if "@" in name:
        return f"those of the project {name.partition('@')[0]}, in another way"
    if project.match is None:
        return "those of its watched folders and imports alone"
    keys = project.match.model_dump(by_alias=True, exclude_none=True)
    if not keys:
        return "all that no project before it takes"
    parts = [f"{key} {' or '.join(value) if isinstance(value, list) else value}" for key, value in keys.items()]
    return "those with " + ", and ".join(parts)


def _dates(options: set[Option]) -> str:
    if Option.RETAIN_LONGITUDINAL_FULL_DATES in options:
        return "stay as they are"
    if Option.RETAIN_LONGITUDINAL_MODIFIED_DATES in options:
        return "are moved back by whole weeks, by as many for all dates of a patient"
    return "are removed, or replaced where the standard asks for one"


def _private(project: Project, options: set[Option]) -> str:
    if Option.RETAIN_SAFE_PRIVATE not in options:
        return "are removed"
    lists = ", ".join(project.safe_private)
    return "are removed, except those of the standard's table of safe ones" + (f", and of {lists}" if lists else "")


def _pixels(project: Project, options: set[Option]) -> str:
    if Option.CLEAN_PIXEL_DATA not in options:
        return PIXELS_PASS
    pixels = project.pixels
    searched = {
        "Off": "text is not searched for: what may contain some is held, unless a rule says where it stands",
        "All": "text and barcodes are searched for in all images",
        "Risky": "text and barcodes are searched for where an image may contain some",
    }[pixels.detect_text]
    then = "they are made black" if pixels.on_text == "Mask" else "they are made black, and a person has to look"
    kept = f"; what stays: {', '.join(pixels.keep).lower()}" if pixels.keep else ""
    return searched if pixels.detect_text == "Off" else f"{searched}; {then}{kept}"


def _pseudonyms(project: Project) -> str:
    source = project.identities
    if isinstance(source, CsvList):
        return "from a list; " + _unknown(source.unknown)
    if isinstance(source, IdentityService):
        return "from a service; " + _unknown(source.unknown)
    return "computed under the project's key (HMAC-SHA256)"


def _unknown(unknown: str) -> str:
    held = "the study of a patient whom it does not know is held"
    return held if unknown == "Stop" else "a patient whom it does not know gets one computed under the key"


def _release(project: Project) -> str:
    rule = project.release.review
    if rule is None:
        looks = project.pixels.on_text == "Review" and project.pixels.detect_text != "Off"
        return "at once" + ("; what has text in its pixels once a person has accepted it" if looks else "")
    chosen = [
        f"{rule.share:g} % of the studies, chosen by chance" if rule.share is not None else "",
        f"studies with {' or '.join(rule.modality)}" if rule.modality is not None else "",
        "studies in whose pixels text was found" if rule.text_found else "",
        f"the first {rule.first_of_device} of each device" if rule.first_of_device is not None else "",
    ]
    which = "every study" if rule.everything else "; ".join(filter(None, chosen))
    persons = "a person has" if rule.persons == 1 else f"{rule.persons} persons have"
    return f"once {persons} accepted it: {which}" + ("" if rule.everything else "; all others at once")
