"""The demonstration's sample studies."""

from __future__ import annotations

import io

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import ComprehensiveSRStorage

from scripts.demo import samples
from scripts.demo.captures import BANNER, shows_text


def test_the_samples_are_new_each_time_and_valid() -> None:
    """Three ways in, four modalities; no identifier, study or image of one run comes again in the next."""
    first, second = samples.make(), samples.make()
    assert [sample.way for sample in first] == ["folder", "REST", "C-STORE", samples.CAPTURES]
    assert len({sample.modality for sample in first}) == 4
    for one, other in zip(first, second, strict=True):
        assert one.study != other.study
        assert not one.pixels & other.pixels
        assert len(one.pixels) == len(one.files)
        datasets = [pydicom.dcmread(io.BytesIO(data)) for data in one.files]
        assert len({dataset.SOPInstanceUID for dataset in datasets}) == len(one.files)
        assert {samples.pixel_digest(dataset) for dataset in datasets} == one.pixels


def test_what_is_planted_can_be_found() -> None:
    """Otherwise the check at the target would prove nothing."""
    for sample in samples.make():
        for data in sample.files:
            assert all(planted in data.upper() for planted in sample.planted)


def test_text_in_pixels_is_seen_until_it_is_black() -> None:
    """And the image is known again when it is."""
    for data in samples.make()[-1].files:
        dataset = pydicom.dcmread(io.BytesIO(data))
        assert shows_text(dataset)
        before = samples.pixel_digest(dataset)
        dataset.PixelData = bytes(BANNER * dataset.Columns) + dataset.PixelData[BANNER * dataset.Columns :]
        assert not shows_text(dataset)
        assert samples.pixel_digest(dataset) == before


def test_what_has_no_pixels_is_none_of_the_samples() -> None:
    """Among the reader's own studies there are reports and plans: they are passed over."""
    report = Dataset()
    report.SOPClassUID = ComprehensiveSRStorage
    known = {digest for one in samples.make() for digest in one.pixels}
    assert samples.pixel_digest(report) not in known
