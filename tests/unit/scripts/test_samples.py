"""The demonstration's sample studies."""

from __future__ import annotations

import io

import pydicom

from scripts.demo import samples


def test_the_samples_are_new_each_time_and_valid() -> None:
    """Three ways in, three modalities; no identifier, study or image of one run comes again in the next."""
    first, second = samples.make(), samples.make()
    assert [sample.way for sample in first] == ["folder", "REST", "C-STORE"]
    assert len({sample.modality for sample in first}) == 3
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
