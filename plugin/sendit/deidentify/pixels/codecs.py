"""One compressed frame to an array and back. An encoder's result counts only if it decodes to the very same numbers."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import UID

from sendit.deidentify.pixels.encapsulated import check_codestream
from sendit.deidentify.pixels.native import Array
from sendit.deidentify.pixels.picture import Picture
from sendit.errors import Quarantine

EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
RLE = "1.2.840.10008.1.2.5"
JPEG_2000_LOSSLESS, JPEG_2000 = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"

#: Decoders in the order in which they are asked: always the same one for the same frame.
_PLUGINS = ("pylibjpeg", "gdcm", "pillow", "pydicom")
#: Of lossy JPEG, decoders give numbers that differ by one; most of the world's are made of the library that gdcm has.
_PLUGINS_OF_LOSSY_JPEG = ("gdcm", "pylibjpeg", "pillow")
_LOSSY_JPEG = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
_DECODED_TO_RGB = ("YBR_ICT", "YBR_RCT")
#: What a lossy or lossless syntax is written in again.
_WRITTEN_AS = {
    RLE: RLE,
    JPEG_2000_LOSSLESS: JPEG_2000_LOSSLESS,
    JPEG_2000: JPEG_2000_LOSSLESS,
}


def written_as(syntax: str) -> str:
    """The lossless transfer syntax in which frames of this one are written again."""
    return _WRITTEN_AS.get(syntax, EXPLICIT_LITTLE)


def decoded_photometric(picture: Picture) -> str:
    """PhotometricInterpretation of what `decode` gives."""
    if picture.photometric in _DECODED_TO_RGB:
        return "RGB"
    return "YBR_FULL" if picture.subsampled else picture.photometric


def decode(data: bytes, picture: Picture, syntax: str) -> Array:
    """A frame as rows × columns or rows × columns × 3, in the machine's byte order. Colours are not converted.

    Raises:
        Quarantine: no decoder takes it, or it is not what the header says.
    """
    check_codestream(data, picture)
    decoder = _decoder(syntax)
    wanted = _PLUGINS_OF_LOSSY_JPEG if syntax in _LOSSY_JPEG else _PLUGINS
    plugins = [plugin for plugin in wanted if plugin in decoder.available_plugins]
    for plugin in plugins:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                array, properties = decoder.as_array(
                    encapsulate([data], has_bot=False),
                    decoding_plugin=plugin,
                    raw=True,
                    **_options(picture) | {"correct_unused_bits": False},  # what stands in them is looked at
                )
        except Exception:  # noqa: BLE001, S112  a C library may raise anything; the next one may do better
            continue
        if array.shape != _shape(picture):
            continue
        _check_colour(picture, str(properties["photometric_interpretation"]))
        return np.ascontiguousarray(array)
    raise Quarantine("its pixels cannot be looked at: no decoder takes them")


def _options(picture: Picture) -> dict[str, Any]:
    return {
        "rows": picture.rows,
        "columns": picture.columns,
        "number_of_frames": 1,
        "samples_per_pixel": picture.samples,
        "bits_allocated": picture.allocated,
        "bits_stored": picture.stored,
        "photometric_interpretation": picture.photometric,
        "pixel_representation": int(picture.signed),
        "planar_configuration": int(picture.planar),
        "pixel_keyword": "PixelData",
    }


def _shape(picture: Picture) -> tuple[int, ...]:
    return (picture.rows, picture.columns) if picture.samples == 1 else (picture.rows, picture.columns, 3)


def _check_colour(picture: Picture, said: str) -> None:
    """What the decoder did to colours has to be what `decoded_photometric` says."""
    said = "YBR_FULL" if said == "YBR_FULL_422" else said  # raw, and of full size: the shape was compared
    if picture.samples == 3 and said != decoded_photometric(picture):
        raise Quarantine("its pixels cannot be looked at: the decoder gives other colours than expected")


@cache
def _decoder(syntax: str) -> Decoder:
    try:
        return get_decoder(UID(syntax))
    except NotImplementedError:
        raise Quarantine("its pixels cannot be looked at: there is no decoder for its transfer syntax") from None


def encode(array: Array, picture: Picture, syntax: str) -> bytes | None:
    """A frame in a lossless transfer syntax; None if there is no encoder that gives it back as it was.

    Args:
        array: as `decode` gives it.
        picture: what will stand in the header.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = _encoded(array, picture, syntax)
    except Exception:  # noqa: BLE001  a C library may raise anything; the frame is written uncompressed then
        return None
    try:
        again = decode(data, picture, syntax)
    except Quarantine:
        return None
    return data if again.dtype.itemsize == array.dtype.itemsize and np.array_equal(again, array) else None


def _encoded(array: Array, picture: Picture, syntax: str) -> bytes:
    options = _options(picture) | {"planar_configuration": 0}
    return get_encoder(UID(syntax)).encode(array, encoding_plugin="pylibjpeg", **options)
