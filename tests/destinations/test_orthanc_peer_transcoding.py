"""Peers that transcode on arrival: what they hold differs in its bytes and has to say the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest

from sendit.destinations import compare as same_dataset
from sendit.errors import Misconfigured
from tests.destinations.bench import no_progress
from tests.destinations.bench_orthanc_peer import open_peer
from tests.destinations.staged_instances import altered, read_testfile, shipment_of
from tests.servers.fault_proxy import FaultProxy
from tests.servers.orthanc import OrthancServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydicom.dataset import FileDataset

    from sendit.model import Shipment

EXPLICIT = "1.2.840.10008.1.2.1"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_LS_LOSSLESS = "1.2.840.10008.1.2.4.80"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"

#: Grey in three encodings, colour by pixel, palette; and one compressed already.
SOURCES = ["MR_small_implicit.dcm", "MR_small_bigendian.dcm", "CT_small.dcm", "MR_small_RLE.dcm", "SC_rgb_rle.dcm"]


@pytest.fixture(scope="module", params=[EXPLICIT, JPEG_LOSSLESS, JPEG_LS_LOSSLESS])
def transcoding(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """A real Orthanc with IngestTranscoding to a lossless transfer syntax."""
    with OrthancServer(tmp_path_factory.mktemp("transcoding"), {"IngestTranscoding": request.param}) as server:
        yield server


@pytest.mark.parametrize("source", SOURCES)
def test_a_lossless_transcoding_verifies(transcoding: OrthancServer, tmp_path: Path, source: str) -> None:
    """Other bytes, the same data set and pixels: verified, and known as delivered when it comes again."""
    described = read_testfile(source)
    described.DerivationDescription = "made for a test"  # dcmtk adds to it
    sent = shipment_of(read_testfile(source), described, folder=tmp_path)
    with FaultProxy(transcoding.url) as proxy:
        destination = open_peer([proxy.url])
        assert destination.deliver(sent, no_progress) == 2
        assert destination.verify(sent) == []
        assert destination.deliver(sent, no_progress) == 2
        assert proxy.uploads() == 2


def _one_pixel_less(dataset: FileDataset) -> bytes:
    pixels = np.array(dataset.pixel_array)
    pixels.flat[0] ^= 1
    return pixels.tobytes()


def test_one_different_pixel_is_found(transcoding: OrthancServer, tmp_path: Path) -> None:
    """The peer holds a transcoded image that differs in one bit of one pixel."""
    sent = shipment_of(read_testfile("MR_small_implicit.dcm"), folder=tmp_path)
    pixels = _one_pixel_less(read_testfile("MR_small_implicit.dcm"))
    other = altered(sent.staged_instances[0], tmp_path / "other", PixelData=pixels)
    transcoding.upload(other.path.read_bytes())
    (found,) = open_peer([transcoding.url]).verify(sent)
    assert found.problem == "the pixels differ"


def test_one_different_attribute_is_found(transcoding: OrthancServer, tmp_path: Path) -> None:
    """The peer holds a transcoded image with another value, which is not told."""
    sent = shipment_of(read_testfile("MR_small_implicit.dcm"), folder=tmp_path)
    other = altered(sent.staged_instances[0], tmp_path / "other", StudyDescription="another")
    transcoding.upload(other.path.read_bytes())
    (found,) = open_peer([transcoding.url]).verify(sent)
    assert found.problem == "these attributes differ: StudyDescription"


def _large(folder: Path) -> Shipment:
    """An image of 70 frames, 37 MB: more than is decoded at once."""
    dataset = read_testfile("MR_small_implicit.dcm")
    dataset.Rows = dataset.Columns = 512
    dataset.NumberOfFrames = 70
    frame = (np.indices((512, 512)).sum(axis=0) % 997).astype("<i2")
    dataset.PixelData = b"".join((frame + number).astype("<i2").tobytes() for number in range(70))
    return shipment_of(dataset, folder=folder)


@pytest.mark.slow
def test_a_large_file_that_was_transcoded_verifies(transcoding: OrthancServer, tmp_path: Path) -> None:
    """Frame by frame: verified, and known when it comes again; one other bit, or another value, is found."""
    sent = _large(tmp_path)
    with FaultProxy(transcoding.url) as proxy:
        destination = open_peer([proxy.url])
        assert destination.deliver(sent, no_progress) == 1
        assert destination.verify(sent) == []
        assert destination.deliver(sent, no_progress) == 1
        assert proxy.uploads() == 1
    pixels = bytearray(pydicom.dcmread(sent.staged_instances[0].path).PixelData)
    pixels[-2] ^= 1
    for changed, problem in (
        ({"PixelData": bytes(pixels)}, "the pixels differ"),
        ({"StudyDescription": "another"}, "these attributes differ: StudyDescription"),
    ):
        other = altered(sent.staged_instances[0], tmp_path / "other", **changed)
        (found,) = open_peer([transcoding.url]).verify(replace(sent, staged_instances=[other]))
        assert found.problem == problem


def test_a_large_file_that_cannot_be_compared_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame larger than can be held: what is wrong, and what to do; the next verification asks again."""
    sent = _large(tmp_path)
    with OrthancServer(tmp_path / "orthanc", {"IngestTranscoding": JPEG_LS_LOSSLESS}) as server:
        destination = open_peer([server.url])
        destination.deliver(sent, no_progress)
        with monkeypatch.context() as limit:
            limit.setattr(same_dataset, "_HELD", 512 * 512)
            (found,) = destination.verify(sent)
        assert found.problem.startswith("it cannot be compared: the peer has transcoded it")
        assert found.problem.endswith("turn IngestTranscoding off there")
        assert destination.verify(sent) == []


def test_a_lossy_transcoding_is_told(tmp_path: Path) -> None:
    """A lossy transcoding changes pixels and UID at the peer: what was sent is not there."""
    sent = shipment_of(read_testfile("examples_rgb_color.dcm"), folder=tmp_path)
    with OrthancServer(tmp_path / "orthanc", {"IngestTranscoding": JPEG_BASELINE}) as server:
        destination = open_peer([server.url])
        with pytest.raises(Misconfigured, match="under other identifiers"):
            destination.deliver(sent, no_progress)
        assert [found.problem for found in destination.verify(sent)] == ["not there"]


def test_what_was_transcoded_is_decoded_here(tmp_path: Path) -> None:
    """The peer keeps JPEG Lossless and decodes nothing for us: the decoders that SendIt brings compare it."""
    script = tmp_path / "filter.lua"
    script.write_text(
        "function IncomingHttpRequestFilter(method, uri, ip, username, httpHeaders)\n"
        " return string.find(uri, '/modify') == nil\nend\n"
    )
    sent = shipment_of(read_testfile("MR_small_implicit.dcm"), folder=tmp_path)
    configuration = {"IngestTranscoding": JPEG_LOSSLESS, "LuaScripts": [str(script)]}
    with OrthancServer(tmp_path / "orthanc", configuration) as server:
        destination = open_peer([server.url])
        destination.deliver(sent, no_progress)
        assert destination.verify(sent) == []
