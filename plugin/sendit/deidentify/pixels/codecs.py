"""Decode and encode compressed frames. An encoder's result counts only if it decodes to the same values."""

from __future__ import annotations

import warnings
import zlib
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import UID
from rle.utils import encode_pixel_data

from sendit.deidentify.pixels.encapsulated import check_codestream
from sendit.deidentify.pixels.jpeg_colours import check_photometric, has_transform, is_jpeg
from sendit.deidentify.pixels.native import Array, NativeFrame
from sendit.errors import Quarantine

if TYPE_CHECKING:
    from sendit.deidentify.pixels.image import ImagePixel

EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
RLE = "1.2.840.10008.1.2.5"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"

#: Decoders in order of preference: always the same one for the same frame.
_PLUGINS = ("pylibjpeg", "gdcm", "pillow", "pydicom")
#: For lossy JPEG, decoders return values that differ by one; most software uses the library of gdcm. Pillow returns
#: the same values in a third of the time, but converts colours if the stream says how they were transformed.
_PLUGINS_OF_LOSSY_JPEG, _FASTER = ("gdcm", "pylibjpeg", "pillow"), "pillow"
_LOSSY_JPEG = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
_DECODED_TO_RGB = ("YBR_ICT", "YBR_RCT")
#: Syntaxes without loss, and what writes them.
_ENCODERS = {JPEG_LS: "pyjpegls", JPEG_2000: "pylibjpeg"}
_UNCOMPRESSED, _DEFLATED = "1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.8.1"  # in fragments nevertheless
#: JPEG 2000 and HTJ2K.
_WAVELETS = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 92, 93, 201, 202, 203))


def written_as(syntax: str) -> tuple[str, ...]:
    """Return the lossless transfer syntaxes in which frames of this one are written again, the preferred one first.

    Its own where there is an encoder, otherwise one that makes them as small: never that of uncompressed frames alone.
    """
    if syntax == _UNCOMPRESSED:
        return ()
    if syntax == RLE:
        return (RLE,)
    return (JPEG_2000, JPEG_LS) if syntax in _WAVELETS else (JPEG_LS, JPEG_2000)


def decoded_photometric(image: ImagePixel) -> str:
    """Return the PhotometricInterpretation of decoded frames."""
    if image.photometric in _DECODED_TO_RGB:
        return "RGB"
    return "YBR_FULL" if image.subsampled else image.photometric


def decode(data: bytes, image: ImagePixel, syntax: str) -> Array:
    """Return a frame as rows × columns or rows × columns × 3, in native byte order, colours not converted.

    Raises:
        Quarantine: no decoder can read it, or it is not what the header says.
    """
    if syntax in (_UNCOMPRESSED, _DEFLATED):
        return _samples(data, image, syntax)
    check_codestream(data, image)
    if image.samples > 1:
        check_photometric(data, image.photometric)
    decoder = _decoder(syntax)
    plugins = [plugin for plugin in _preferred(data, syntax) if plugin in decoder.available_plugins]
    for plugin in plugins:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                array, properties = decoder.as_array(
                    encapsulate([data], has_bot=False),
                    decoding_plugin=plugin,
                    raw=True,
                    **_options(image) | {"correct_unused_bits": False},  # their contents are checked
                )
        except Exception:  # noqa: BLE001, S112  a C library may raise anything; the next one may do better
            continue
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException:  # noqa: BLE001  a panic of one in Rust: damaged, and what another one makes of it is a guess
            raise Quarantine("its pixels cannot be examined: a decoder failed on a damaged frame") from None
        if array.shape != _shape(image):
            continue
        if not is_jpeg(data):  # for these, the stream decided, and no decoder converts
            _check_colour(image, str(properties["photometric_interpretation"]))
        return np.ascontiguousarray(array)
    raise Quarantine("its pixels cannot be examined: no decoder can read them")


def _preferred(data: bytes, syntax: str) -> tuple[str, ...]:
    """Return the decoders of a frame in the order in which they are tried."""
    if syntax not in _LOSSY_JPEG:
        return _PLUGINS
    return _PLUGINS_OF_LOSSY_JPEG if has_transform(data) else (_FASTER, *_PLUGINS_OF_LOSSY_JPEG)


def _samples(data: bytes, image: ImagePixel, syntax: str) -> Array:
    """Return a frame that is in a fragment as it is, or deflated (PS3.5 A.4.11, A.4.12)."""
    size = (image.frame_bits + 7) // 8
    if syntax == _DEFLATED:
        try:
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, size + 1)
        except zlib.error:
            data = b""
    if len(data) < size or image.subsampled:
        raise Quarantine("its pixels cannot be examined: no decoder can read them")
    return np.ascontiguousarray(NativeFrame(data, image, 0, "<", words=False).array)


def _options(image: ImagePixel) -> dict[str, Any]:
    return {
        "rows": image.rows,
        "columns": image.columns,
        "number_of_frames": 1,
        "samples_per_pixel": image.samples,
        "bits_allocated": image.allocated,
        "bits_stored": image.stored,
        "photometric_interpretation": image.photometric,
        "pixel_representation": int(image.signed),
        "planar_configuration": int(image.planar),
        "pixel_keyword": "PixelData",
    }


def _shape(image: ImagePixel) -> tuple[int, ...]:
    return (image.rows, image.columns) if image.samples == 1 else (image.rows, image.columns, 3)


def _check_colour(image: ImagePixel, returned: str) -> None:
    """Check that the decoder treated colours as `decoded_photometric` says."""
    returned = "YBR_FULL" if returned == "YBR_FULL_422" else returned  # raw and full size: the shape was compared
    if image.samples == 3 and returned != decoded_photometric(image):
        raise Quarantine("its pixels cannot be examined: the decoder returned other colours than expected")


@cache
def _decoder(syntax: str) -> Decoder:
    try:
        return get_decoder(UID(syntax))
    except NotImplementedError:
        raise Quarantine("its pixels cannot be examined: there is no decoder for its transfer syntax") from None


def written_photometric(image: ImagePixel, syntax: str) -> str:
    """Return the PhotometricInterpretation of what `encode` returns.

    JPEG 2000 writes colours separated again if it had them so.
    """
    wavelets = syntax == JPEG_2000 and image.photometric in _DECODED_TO_RGB
    return "YBR_RCT" if wavelets else decoded_photometric(image)


def encode(array: Array, image: ImagePixel, syntax: str) -> bytes | None:
    """Return a frame in a lossless transfer syntax; None if no encoder reproduces it exactly.

    Args:
        array: as `decode` returns it.
        image: what stands in the header of the instance that it came from.
        syntax: UID of the transfer syntax to write.
    """
    written = replace(image, photometric=written_photometric(image, syntax), planar=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = _encoded(array, written, syntax)
        again = decode(data, written, syntax)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException:  # noqa: BLE001  a library may raise anything, or panic; the frame is written in another way then
        return None
    return data if again.dtype.itemsize == array.dtype.itemsize and np.array_equal(again, array) else None


def _encoded(array: Array, image: ImagePixel, syntax: str) -> bytes:
    if syntax == RLE:  # pydicom's own way to it refuses samples of 32 bits
        raw = array.astype(array.dtype.newbyteorder("<")).tobytes()
        return bytes(encode_pixel_data(raw, byteorder="<", **_options(image)))
    return get_encoder(UID(syntax)).encode(array, encoding_plugin=_ENCODERS[syntax], **_options(image))
