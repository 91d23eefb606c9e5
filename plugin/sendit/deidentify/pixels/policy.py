"""The pixel policy: what happens to the pixels of one instance, and what the receipt says about them.

The first that applies decides: the recipe's own labels; the label of a slide; text detection, in addition to the
regions of an ultrasound image and deid's labels for the device. Barcodes are searched for together with text. An image
of a kind without text is clean by rule. Everything else is quarantined.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sendit.deidentify.dicom.dataset import PIXELS, Dataset, Instance, find
from sendit.deidentify.pixels.burned_in_risk import burned_in_risk, clean_by_rule, in_series, is_ultrasound
from sendit.deidentify.pixels.jpeg_colours import correct_photometric
from sendit.deidentify.pixels.redaction.rules import FilterMatcher, device_filters, filter_regions, filters_of
from sendit.deidentify.pixels.redaction.ultrasound import ultrasound_regions
from sendit.deidentify.pixels.regions import Corrections, Region, outside, united
from sendit.deidentify.pixels.slides import SlideLabel, is_tiled, label_in, label_regions, without_label
from sendit.deidentify.plan import Action, Plan
from sendit.deidentify.validate import text_of
from sendit.errors import Quarantine, Reject
from sendit.model import LOOK_DUE, LOOKED_AT, Doubt, Pixels, PixelStatus

if TYPE_CHECKING:  # numpy and the decoders are only loaded to examine pixels
    from sendit.deidentify.leak_check.identifiers import Identifiers
    from sendit.deidentify.pixels.frames import Frames
    from sendit.deidentify.pixels.ocr.api import PixelTools
    from sendit.deidentify.recipes.filters import Filter

_SERIES, _MODALITY = 0x0020000E, 0x00080060
_SOP_INSTANCE, _NUMBER, _FRAMES = 0x00080018, 0x00200013, 0x00280008
_BITS = (0x00280100, 0x00280101)  # BitsAllocated, BitsStored
_LONGEST_NUMBER = 6  # longer ones may be more than numbers
#: Masks that hide more of what a frame shows would spoil it.
_MOST_HIDDEN = 0.1
_IN_SERIES = "text detection in its series"
_REVIEWER = "a reviewer"
#: Text within so many pixels of a region that a reviewer called false is the same find, in another image of the series.
_SAME = 3


def apply_pixel_policy(instance: Instance, plan: Plan, identifiers: Identifiers, tools: PixelTools | None) -> Pixels:
    """Mask what has to be masked, in `instance` itself.

    Raises:
        Quarantine: SendIt cannot tell whether text is burned in, or cannot mask it.
    """
    pixels = next((element for element in instance.elements if element.tag in PIXELS), None)
    if pixels is None:
        return Pixels(PixelStatus.NONE)
    corrections = tools.corrections if tools is not None else ()
    if not plan.clean_pixels and not corrections:
        return Pixels(PixelStatus.NOT_CHECKED)
    if plan.rules[pixels.tag].action is Action.REMOVE:
        return Pixels(PixelStatus.NONE, "the recipe removes them")
    corrected = correct_photometric(instance)
    policy = _PixelPolicy(instance, plan, identifiers, filters_of(plan), tools)
    return replace(policy.run() if plan.clean_pixels else policy.draw(), photometric=corrected)


@dataclass(slots=True)
class _PixelPolicy:
    instance: Instance
    plan: Plan
    identifiers: Identifiers
    filters: FilterMatcher
    tools: PixelTools | None
    _frames: Frames | None = None
    _text_found: bool = False  # by text detection
    _ultrasound_images: tuple[Region, ...] = ()  # measures may stay in them
    _barcodes: tuple[Region, ...] = ()
    _in_series: bool = False  # it is examined together with its series
    _text: tuple[Region, ...] = ()  # that is masked
    _doubts: list[str] = field(default_factory=list)  # for which its output is staged until a person accepts it

    def run(self) -> Pixels:
        regions, how, answered = self._by_rules()
        allowed = "whitelist" in self._groups()
        label = None if answered or allowed else self._label()
        doubt = "the recipe's graylist" if "graylist" in self._groups() else burned_in_risk(self.instance.elements)
        doubtful = bool(doubt) and not answered and not allowed and label is not SlideLabel.ALL
        detect_text = self.plan.handling.detect_text
        searched = detect_text == "All" or (detect_text == "Risky" and doubtful)
        if doubtful and not searched:
            self._doubt(
                Doubt.NOT_SEARCHED,
                f"text may be burned into its pixels ({doubt}): no rule says where, and DetectText is {detect_text}",
            )
        if not doubtful and not answered and not allowed and detect_text != "Off":
            can_look = self.tools is not None and self.tools.of_series is not None
            self._in_series = can_look and in_series(self.instance.elements)
        if searched or self._by_itself():
            text_regions, names = (
                self._searched(doubt, alone=searched) if searched or self._is_suspect() else self._of_series()
            )
            self._review(regions + text_regions)
            regions, how = regions + text_regions, " and ".join(filter(None, (how, *names)))
        if label is not None:
            regions, how = regions + self._label_regions(label), " and ".join(filter(None, (how, "a slide's label")))
        if drawn := self._drawn():
            regions, how = regions + drawn, " and ".join(filter(None, (how, _REVIEWER)))
        unsure: dict[str, Any] = (
            {"status": PixelStatus.NOT_CHECKED} if doubtful and self._unseen(searched=searched) else {}
        )
        told: dict[str, Any] = {
            "text": _boxes(self._shown_text()),
            "drawn": _boxes(drawn),
            "doubt": "; ".join(self._doubts),
        }
        if regions or self._unused_bits():
            return replace(self._clean(regions, how, label), **told, **unsure)
        if searched:
            return replace(Pixels(PixelStatus.CHECKED, "text detection", series=self._series()), **told, **unsure)
        by_rule = "the recipe's whitelist" if allowed else clean_by_rule(self.instance.elements)
        return replace(Pixels(PixelStatus.BY_RULE, by_rule, series=self._series()), **told, **unsure)

    def _shown_text(self) -> tuple[Region, ...]:
        image = self.frames.image if self._text else None
        return united(self._text, image.columns, image.rows) if image is not None else ()

    def draw(self) -> Pixels:
        """Mask what a reviewer drew, in a project that does not look at pixels."""
        drawn = self._drawn()
        if not drawn:
            return Pixels(PixelStatus.NOT_CHECKED)
        return replace(self._clean(drawn, _REVIEWER), status=PixelStatus.NOT_CHECKED, drawn=_boxes(drawn))

    def _drawn(self) -> tuple[Region, ...]:
        image = self.frames.image if self._corrections() else None
        if image is None:
            return ()
        return united((r for one in self._corrections() for r in one.drawn), image.columns, image.rows)

    def _corrections(self) -> list[Corrections]:
        """Return what reviewers said of images of this size."""
        given = self.tools.corrections if self.tools is not None else ()
        if not given:
            return []  # as usual: nothing is decoded
        image = self.frames.image
        return [one for one in given if (one.rows, one.columns) == (image.rows, image.columns)]

    def _without_false(self, found: tuple[Region, ...]) -> tuple[Region, ...]:
        """Return the text without regions that a reviewer called false, unless an identifier may be read in one."""
        false = [region.with_margin(_SAME) for one in self._corrections() for region in one.false]
        gone = [region for region in found if any(self._is_within(region, one) for one in false)]
        if not gone or self.tools is None or self.tools.identifying is None:
            return found
        gone = [one for one in gone if one not in set(self.tools.identifying(self.frames, self.identifiers, gone))]
        return tuple(region for region in found if region not in gone)

    def _is_within(self, region: Region, other: Region) -> bool:
        shown = region.clipped(self.frames.image.columns, self.frames.image.rows)
        return other.intersection(shown) == shown

    def _doubt(self, kind: Doubt, reason: str) -> None:
        """Note why a person has to accept the instance; raise Quarantine where no person is asked."""
        if self.tools is None or kind not in self.tools.staged_doubts:
            raise Quarantine(reason)
        self._doubts.append(reason)

    def _unseen(self, *, searched: bool) -> bool:
        """Return whether nothing has searched it for text."""
        return not searched or self.tools is None or self.tools.search is None

    def _is_suspect(self) -> bool:
        """Return whether it is examined by itself because of a find in its series."""
        return self._in_series and self.tools is not None and self.tools.series is not None

    def _by_itself(self) -> bool:
        """Return whether it need not wait for its series: that was examined, or its frames are one."""
        return self._is_suspect() or (
            self._in_series and text_of(self.instance.elements, _FRAMES).lstrip("+0") not in ("", "1")
        )

    def _of_series(self) -> tuple[tuple[Region, ...], tuple[str, ...]]:
        """Return text in an instance that is a series by itself, and the name of what found it."""
        assert self.tools is not None
        assert self.tools.of_series is not None
        regions = self._without_false(tuple(self.tools.of_series(self.frames)))
        self._text, self._text_found = regions, bool(regions)
        self._check_hidden(regions)
        return regions, (_IN_SERIES,) if regions else ()

    def _series(self) -> str:
        return "" if not self._in_series else LOOKED_AT if self._by_itself() else LOOK_DUE

    def _searched(self, doubt: str, *, alone: bool) -> tuple[tuple[Region, ...], tuple[str, ...]]:
        """Return text and barcodes, and the names of what found something.

        Args:
            doubt: why text may be burned in.
            alone: not because of a find in its series.
        """
        text_regions = self._search(doubt)
        measures = self.tools.measures if self.tools else None
        inside = [
            region
            for region in text_regions
            if any(region.intersection(one) == region for one in self._ultrasound_images)
        ]
        if inside and measures is not None:
            stay = set(measures(self.frames, self.identifiers, inside)).intersection(inside)
            text_regions = tuple(region for region in text_regions if region not in stay)
        text_regions = self._without_false(self._without_kept(text_regions))
        self._text, self._text_found = text_regions, bool(text_regions)
        self._check_hidden(text_regions)
        if self.tools is not None and self.tools.barcodes is not None:
            self._barcodes = tuple(self.tools.barcodes(self.frames))
        names = (("text detection" if alone else _IN_SERIES, text_regions), ("barcodes", self._barcodes))
        return text_regions + self._barcodes, tuple(name for name, regions in names if regions)

    def _without_kept(self, found: tuple[Region, ...]) -> tuple[Region, ...]:
        """Return the text without markers and technique that the project lets stay; nothing stays that a mask cuts."""
        read = self.tools.keep if self.tools else None
        wanted = self.plan.handling.keep
        if not found or not wanted or read is None:
            return found
        from sendit.deidentify.pixels.ocr.api import Keep

        modality = text_of(self.instance.elements, _MODALITY).strip().upper()
        stay = set(
            read(self.frames, self.identifiers, found, Keep(modality, "Markers" in wanted, "Technique" in wanted))
        )
        gone = [region for region in found if region not in stay]
        return (*gone, *(region for region in stay.intersection(found) if any(map(region.touches, gone))))

    def _check_hidden(self, found: tuple[Region, ...]) -> None:
        """Raise Quarantine where masks over text would hide much of what the image shows: a person has to look."""
        hidden = self.tools.hidden if self.tools else None
        if not found or hidden is None:
            return
        if hidden(self.frames, self._frame_with_text(), found) > _MOST_HIDDEN:
            self._show_if_held(Doubt.MASKS_TOO_MUCH, found)
            self._doubt(
                Doubt.MASKS_TOO_MUCH,
                "text was found over more than a tenth of what the image shows: a mask would spoil it, and a person "
                "has to look at it",
            )

    def _review(self, regions: tuple[Region, ...]) -> None:
        """Hold an instance with text or a barcode for a person, if the project requires a review."""
        if self.plan.handling.on_text == "Review" and (self._text_found or self._barcodes):
            self._show_if_held(Doubt.TEXT_FOUND, regions)
            self._doubt(Doubt.TEXT_FOUND, "text was found in its pixels, and the project requires a review")

    def _label(self) -> SlideLabel | None:
        """Return which part of the image is a slide label.

        Raises:
            Reject: the project does not accept such images.
            Quarantine: the label cannot be located in the image.
        """
        label = label_in(self.instance.elements)
        if label is None:
            return None
        if self.plan.handling.slide_labels == "Reject":
            raise Reject(f"{label}, which the project does not accept (Pixels.SlideLabels)")
        if label is SlideLabel.PART and is_tiled(self.instance.elements):
            raise Quarantine(f"{label}, in tiles: SendIt cannot tell which of them show the label")
        return label

    def _label_regions(self, label: SlideLabel) -> tuple[Region, ...]:
        return label_regions(label, self._barcodes, self.frames.image.columns, self.frames.image.rows)

    def _groups(self) -> set[str]:
        labels = self.filters.matching(self.instance.elements, self.instance.syntax.encoding)
        return {label.group for label in labels}

    def _by_rules(self) -> tuple[tuple[Region, ...], str, bool]:
        """Return regions, who named them ("" if no rule matches), and whether they answer for the whole image."""
        elements, encoding = self.instance.elements, self.instance.syntax.encoding
        own = [label for label in self.filters.matching(elements, encoding) if label.coordinates]
        if own and "whitelist" not in self._groups():
            regions = self._filtered(own)
            if regions:
                return regions, "the recipe's filter", True
        if is_ultrasound(elements):
            image = self.frames.image
            self._ultrasound_images = ultrasound_regions(elements, encoding.order, image.columns, image.rows)
            black = outside(self._ultrasound_images, image.columns, image.rows) if self._ultrasound_images else ()
            if black:
                return black, "the ultrasound regions", False
        devices = device_filters().matching(elements, encoding)
        regions = self._filtered(list(devices)) if devices else ()
        return regions, "a device known to deid" if regions else "", False

    def _filtered(self, labels: list[Filter]) -> tuple[Region, ...]:
        elements, image = self.instance.elements, self.frames.image
        order = self.instance.syntax.encoding.order
        regions = [r for label in labels for r in filter_regions(label, elements, order, image.columns, image.rows)]
        return united(regions, image.columns, image.rows)

    @property
    def frames(self) -> Frames:
        from sendit.deidentify.pixels.frames import Frames

        if self._frames is None:
            self._frames = Frames(self.instance)
        return self._frames

    def _search(self, doubt: str) -> tuple[Region, ...]:
        """Return text in all frames, with what was found in the series."""
        if self.tools is None or self.tools.search is None:
            reason = f" ({doubt})" if doubt else ""
            unavailable = f"text may be burned into its pixels{reason}, and text detection is unavailable"
            self._doubt(Doubt.NO_DETECTION, unavailable)
            return self.tools.series or () if self.tools else ()
        series = text_of(self.instance.elements, _SERIES)
        return (*(self.tools.series or ()), *self.tools.search(self.frames, self.identifiers, series))

    def _unused_bits(self) -> bool:
        """Return whether there is something in bits of the pixel cells outside of BitsStored."""
        elements = self.instance.elements
        allocated, stored = (find(elements, tag) for tag in _BITS)
        if allocated is None or stored is None or bytes(allocated.value) == bytes(stored.value):
            return False  # as usual: nothing is loaded or decoded
        from sendit.deidentify.pixels.redaction.unused_bits import in_unused_bits

        return in_unused_bits(self.frames)

    def _clean(self, regions: tuple[Region, ...], how: str, label: SlideLabel | None = None) -> Pixels:
        from sendit.deidentify.pixels.redaction.redact import redact

        before = self.instance.syntax.uid
        self._preview_before(regions)
        done = redact(self.instance, self.frames, regions, self.tools.scratch if self.tools else None)
        self._check_barcodes()
        self._preview_after(done.regions)
        if label is not None:
            self.instance.elements = without_label(self.instance.elements)
        if done.overlays:
            how = " and ".join(filter(None, (how, "overlays in unused bits")))
        return Pixels(
            PixelStatus.CLEANED,
            how,
            _boxes(done.regions),
            before if done.syntax.uid != before else "",
            series=self._series(),
        )

    def _check_barcodes(self) -> None:
        """Raise Quarantine if a barcode can still be read after it was masked."""
        from sendit.deidentify.pixels.frames import Frames

        search = self.tools.barcodes if self.tools else None
        if self._barcodes and search is not None and search(Frames(self.instance), readable=True):
            raise Quarantine("a barcode in its pixels can still be read after masking")

    # --- previews: a failure to make one changes nothing ------------------------------------------------------------

    def _show_if_held(self, kind: Doubt, regions: tuple[Region, ...]) -> None:
        """Preview the output with these regions masked, of an instance that is held: there will be no output."""
        self._text_found = True
        if self.tools is not None and self.tools.previews is not None and kind not in self.tools.staged_doubts:
            with suppress(Exception):
                self._clean(regions, "")

    def _preview_before(self, regions: tuple[Region, ...]) -> None:
        previews = self.tools.previews if self.tools else None
        if previews is not None:
            number = text_of(self.instance.elements, _NUMBER)
            previews.sop_instance_uid = text_of(self.instance.elements, _SOP_INSTANCE)
            previews.instance_number = int(number) if number.isdecimal() and len(number) <= _LONGEST_NUMBER else None
            with suppress(Exception):
                previews.add_before(self.frames, regions, sorted({0, self._frame_with_text()}))

    def _preview_after(self, regions: tuple[Region, ...]) -> None:
        from sendit.deidentify.pixels.frames import Frames

        if self.tools is not None and self.tools.previews is not None:
            with suppress(Exception):
                self.tools.previews.add_after(Frames(self.instance), regions)

    def _frame_with_text(self) -> int:
        """Return the first frame in which the search found text."""
        if not self._text_found or self.tools is None or self.tools.first_with_text is None:
            return 0
        return min(self.tools.first_with_text(), len(self.frames) - 1)


def _boxes(regions: tuple[Region, ...]) -> tuple[tuple[int, int, int, int], ...]:
    return tuple((region.x0, region.y0, region.x1, region.y1) for region in regions)


def check_nested(elements: Dataset, *, top: bool = True) -> None:
    """Raise Quarantine if an output has pixels within a sequence, which nothing has examined."""
    for element in elements:
        if not top and element.tag in PIXELS:
            raise Quarantine("an image within a sequence remains (an icon?), and SendIt does not examine its pixels")
        for item in element.items or ():
            check_nested(item, top=False)
