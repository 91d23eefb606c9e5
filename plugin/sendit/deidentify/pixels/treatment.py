"""What is done about the pixels of one instance, and what can be said of them then.

The first of these that holds: the recipe's own labels; an ultrasound image's regions; text detection, beside what deid
knows of the device. An image of a kind that carries no text is clean by that rule. Everything else is quarantined.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sendit.deidentify.checks import text_of
from sendit.deidentify.dataset import PIXEL_DATA, Dataset, Instance, find
from sendit.deidentify.known import Known
from sendit.deidentify.pixels.labels import LabelBook, regions_of, shipped
from sendit.deidentify.pixels.regions import Region, outside, united
from sendit.deidentify.pixels.risk import is_ultrasound, risk, rule
from sendit.deidentify.pixels.ultrasound import ultrasound_regions
from sendit.deidentify.plan import Action, Handling, Plan
from sendit.deidentify.recipe_filter import Label
from sendit.errors import Quarantine, Reject
from sendit.model import Pixels, PixelStatus

if TYPE_CHECKING:  # numpy and the decoders are loaded only where pixels are looked at
    from sendit.deidentify.pixels.detect import PixelTools
    from sendit.deidentify.pixels.frames import Frames

_SERIES, _MODALITY, _SOP_CLASS = 0x0020000E, 0x00080060, 0x00080016
_SOP_INSTANCE, _NUMBER = 0x00080018, 0x00200013
_BITS = (0x00280100, 0x00280101)  # BitsAllocated, BitsStored
_LONGEST_NUMBER = 6  # longer ones may be more than numbers
_PIXELS = frozenset({PIXEL_DATA, 0x7FE00008, 0x7FE00009})
#: Regions of ultrasound that leave less than this part of the image outside of them say nothing of where text is: where
#: names stand apart from the picture, they take a tenth and more.
_LEAST_OUTSIDE = 0.1


def check_accepted(elements: Dataset, handling: Handling) -> None:
    """Raises Reject for an instance that is none of those which the project takes."""
    if handling.modalities and text_of(elements, _MODALITY) not in handling.modalities:
        raise Reject("the project does not take its Modality")
    if handling.sop_classes and text_of(elements, _SOP_CLASS) not in handling.sop_classes:
        raise Reject("the project does not take its SOP class")


def treat(instance: Instance, plan: Plan, known: Known, tools: PixelTools | None) -> Pixels:
    """Make black what has to be. Changes `instance`, if there is something.

    Raises:
        Quarantine: it cannot be said whether text is burned in, or it cannot be made black.
    """
    found = next((element for element in instance.elements if element.tag in _PIXELS), None)
    if found is None:
        return Pixels(PixelStatus.NONE)
    if not plan.clean_pixels:
        return Pixels(PixelStatus.NOT_CHECKED)
    if plan.rules[found.tag].action is Action.REMOVE:
        return Pixels(PixelStatus.NONE, "the recipe removes them")
    return _Treatment(instance, plan, known, plan.labels, tools).run()


@dataclass(slots=True)
class _Treatment:
    instance: Instance
    plan: Plan
    known: Known
    book: LabelBook
    tools: PixelTools | None
    _frames: Frames | None = None
    _found: bool = False  # text detection has

    def run(self) -> Pixels:
        regions, how, answered = self._by_rules()
        doubt = "the recipe's graylist" if "graylist" in self._groups() else risk(self.instance.elements)
        wanted = self.plan.handling.detect_text
        allowed = "whitelist" in self._groups()
        doubtful = bool(doubt) and not answered and not allowed
        searched = wanted == "All" or (wanted == "Risky" and doubtful)
        if searched:
            found = self._search(doubt)
            if found and self.plan.handling.on_text == "Review":
                self._show(regions + found)
                raise Quarantine("text was found in its pixels, and the project wants a person to look at it")
            self._found = bool(found)
            regions += found
            how = " and ".join(filter(None, (how, "text detection" if found else "")))
        elif doubtful:
            raise Quarantine(
                f"text may be burned into its pixels ({doubt}): no rule says where, and DetectText is {wanted}"
            )
        if regions or self._unused_bits():
            return self._clean(regions, how)
        if searched:
            return Pixels(PixelStatus.CHECKED, "text detection")
        return Pixels(PixelStatus.BY_RULE, "the recipe's whitelist" if allowed else rule(self.instance.elements))

    def _groups(self) -> set[str]:
        labels = self.book.matching(self.instance.elements, self.instance.syntax.encoding)
        return {label.group for label in labels}

    def _by_rules(self) -> tuple[tuple[Region, ...], str, bool]:
        """Regions, who named them ("" if no rule knows the image), and whether they answer for all of the image."""
        elements, encoding = self.instance.elements, self.instance.syntax.encoding
        own = [label for label in self.book.matching(elements, encoding) if label.coordinates]
        if own and "whitelist" not in self._groups():
            regions = self._of_labels(own)
            if regions:
                return regions, "the recipe's filter", True
        if is_ultrasound(elements):
            kept = ultrasound_regions(elements, encoding.order)
            picture = self.frames.picture
            black = outside(kept, picture.columns, picture.rows) if kept else ()
            if black:
                area = sum(region.area for region in black)
                return black, "the ultrasound regions", area >= _LEAST_OUTSIDE * picture.rows * picture.columns
        known = shipped().matching(elements, encoding)
        regions = self._of_labels(list(known)) if known else ()
        return regions, "a device known to deid" if regions else "", False

    def _of_labels(self, labels: list[Label]) -> tuple[Region, ...]:
        elements, picture = self.instance.elements, self.frames.picture
        order = self.instance.syntax.encoding.order
        found = [r for label in labels for r in regions_of(label, elements, order, picture.columns, picture.rows)]
        return united(found, picture.columns, picture.rows)

    @property
    def frames(self) -> Frames:
        from sendit.deidentify.pixels.frames import Frames

        if self._frames is None:
            self._frames = Frames(self.instance)
        return self._frames

    def _search(self, doubt: str, index: int | None = None) -> tuple[Region, ...]:
        """In all frames, or in one."""
        if self.tools is None or self.tools.search is None:
            reason = f" ({doubt})" if doubt else ""
            raise Quarantine(f"text may be burned into its pixels{reason}, and text detection is not at hand")
        series = text_of(self.instance.elements, _SERIES)
        frames = self.frames if index is None else self.frames.only(index)
        return tuple(self.tools.search(frames, self.known, series))

    def _unused_bits(self) -> bool:
        """Whether something stands in bits of the pixels that the pixels do not use."""
        elements = self.instance.elements
        allocated, stored = (find(elements, tag) for tag in _BITS)
        if allocated is None or stored is None or bytes(allocated.value) == bytes(stored.value):
            return False  # as most have it: nothing is loaded, nothing is decoded
        from sendit.deidentify.pixels.overlays import in_unused_bits

        return in_unused_bits(self.frames)

    def _clean(self, regions: tuple[Region, ...], how: str) -> Pixels:
        from sendit.deidentify.pixels.cleaning import clean

        before = self.instance.syntax.uid
        self._take_before(regions)
        done = clean(self.instance, self.frames, regions, self.tools.scratch if self.tools else None)
        self._take_after(done.regions)
        if done.overlays:
            how = " and ".join(filter(None, (how, "overlays in unused bits")))
        return Pixels(
            PixelStatus.CLEANED,
            how,
            tuple((region.x0, region.y0, region.x1, region.y1) for region in done.regions),
            before if done.syntax.uid != before else "",
        )

    # --- pictures of it, for a person: that one cannot be made changes nothing --------------------------------------

    def _show(self, regions: tuple[Region, ...]) -> None:
        """What would leave if the regions were made black. The instance is held: nothing of it does."""
        self._found = True
        if self.tools is not None and self.tools.album is not None:
            with suppress(Exception):
                self._clean(regions, "")

    def _take_before(self, regions: tuple[Region, ...]) -> None:
        album = self.tools.album if self.tools else None
        if album is not None:
            number = text_of(self.instance.elements, _NUMBER)
            album.sop_instance_uid = text_of(self.instance.elements, _SOP_INSTANCE)
            album.instance_number = int(number) if number.isdecimal() and len(number) <= _LONGEST_NUMBER else None
            with suppress(Exception):
                album.take_before(self.frames, regions, sorted({0, self._frame_with_text()}))

    def _take_after(self, regions: tuple[Region, ...]) -> None:
        from sendit.deidentify.pixels.frames import Frames

        if self.tools is not None and self.tools.album is not None:
            with suppress(Exception):
                self.tools.album.take_after(Frames(self.instance), regions)

    def _frame_with_text(self) -> int:
        """The first one in which the search finds any. It remembers what it has looked at, so this costs little."""
        if not self._found or len(self.frames) == 1:
            return 0
        from sendit.deidentify.pixels.displayed import displayed
        from sendit.deidentify.pixels.text_frames import frames_to_look_at

        shown = (displayed(frame, self.frames) for frame in self.frames)
        return next((index for index, _ in frames_to_look_at(shown) if self._search("", index)), 0)


def check_nested(elements: Dataset, top: bool = True) -> None:
    """Raises Quarantine where pixels stand in a sequence of an output: nobody looked at them."""
    for element in elements:
        if not top and element.tag in _PIXELS:
            raise Quarantine("an image within a sequence stays (an icon?), and SendIt does not look at its pixels")
        for item in element.items or ():
            check_nested(item, top=False)
