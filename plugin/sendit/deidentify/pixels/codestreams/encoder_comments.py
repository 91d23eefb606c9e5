"""Recognise the comments with which encoders sign their codestreams: products, versions, settings, tables of layers.

They say nothing about a patient, whatever words and numbers they contain. They stay, and so most files stay byte for
byte. A grammar recognises them, and only as a whole: a comment with anything else in it is removed like any other.
"""

from __future__ import annotations

import re

_PRODUCTS = rb"""
    Kakadu | (?:GDCM/)?OpenJPEG | OpenJPH | JasPer | JJ2000 | Grok | gd-jpeg | (?:IJG[ ])?(?:lib)?JPEG(?:-turbo)?
  | mozjpeg | jpeg-recompress | JPEGmini | guetzli
  | Independent[ ]JPEG[ ]Group(?:'s[ ](?:JPEG|libjpeg)[ ](?:library|software))?
  | LEAD[ ]?TOOLS | LEAD[ ]Technologies,?[ ]Inc\.? | Lav[cf] | (?:Lav[cf])?(?:libopenjpeg|mjpeg) | FFmpeg | ImageMagick
  | Aware(?:,[ ]Inc\.?)?(?:[ ]Motion)?(?:[ ]?JPEG[ ]?(?:2000|LS)?)?(?:[ ]SDK)? | AccuRad(?:[ ]J2K)?
  | (?:ITK/)?GDCM(?:[ ]JPEG(?:-LS)?[ ]codec)? | CharLS | DCMTK | dcm4che | fo-dicom | pydicom | pylibjpeg | Orthanc
  | Accusoft(?:[ ]Corp(?:oration|\.)?)?(?:[ ]ImageGear)? | ImageGear
  | Pegasus(?:[ ]Imaging)?(?:[ ]Corp(?:oration|\.)?)?(?:[ ](?:PICTools|JPEG(?:[ ]?2000)?))?
  | PICTools(?:[ ](?:J2K|JPEG))?
  | LuraWave(?:\.jp2)? | ECW[ ]JP2[ ]SDK | ER[ ]Mapper | nvJPEG(?:2000)? | Comprimato[ ]JPEG2000@GPU | BOI[ ]codec
  | Morgan(?:[ ]M-?JPEG|[ ]JPEG[ ]?2000)?(?:[ ]codec)? | Matrox | Intel\(R\)[ ](?:JPEG[ ]Library|IPP)
  | (?:Adobe[ ])?Photoshop[\xa8\xae]? | (?:The[ ])?GIMP(?:[ ]on[ ]a[ ]Mac)? | Paint\.NET | IrfanView | ACDSee | XV
  | Handmade[ ]Software,[ ]Inc\.[ ]Image[ ]Alchemy | AppleMark | Microsoft[ ]Office | Xing | U-Lead[ ]Systems,[ ]Inc\.
  | JAI(?:[ ]JPEG[ ]?2000)?(?:[ ]Codec)? | Java[ ]Advanced[ ]Imaging | JPEG[ ]Encoder | HP[ ]JPEG-LS | UBC[ ]JPEG-LS
"""
_VERSION = rb"[ \-,:]*(?:v|ver|vers|version|release)?[ .:]*\[?\d{1,3}(?:[.,]\d{1,3}){0,4}[a-z]?\]?\.?"
_DONE = rb"(?:file[ ])?(?:created|written|generated|encoded|compressed|optimized|converted|made)"
_PREFIX = rb"(?:" + _DONE + rb"[ ](?:by|with|using):?[ ]|(?:creator|software|encoder|codec):[ ]?)?"
_SUFFIX = rb"""
    [ ]with[ ]ISO[ ]15444-\d{1,2} | [ ]0x[0-9a-f]{8} | [ ]\(build[ ]20\d{6}\)
  | (?:[ ]\(using[ ]IJG[ ]JPEG[ ]v\d{1,3}\))?,?[ ]+
    (?:default[ ]quality | quality[ ]?=[ ]?\d{1,3}(?:,[ ]Smoothing[ ]=[ ]\d{1,3})?)
"""
_SIGNATURE = re.compile(
    rb"[\0\s]*" + _PREFIX + rb"(?:" + _PRODUCTS + rb")(?:" + _VERSION + rb")?(?:" + _SUFFIX + rb")?[\0\s]*",
    re.IGNORECASE | re.VERBOSE,
)
#: Kakadu's table of quality layers: slope and length, one line per layer.
_LAYERS = re.compile(
    rb"Kdu-Layer-Info:\s*log_2\{Delta-D\((?:squared-error|MSE)\)/(?:\[2\^16\*)?Delta-L\(bytes\)\]?\},\s*L\(bytes\)\s*"
    rb"(?:-?\d{1,3}\.\d{1,2},\s*\d\.\d{1,3}e[+-]\d{2,3}\s*)*[\0\s]*"
)
#: Others, verbatim: a common encoder for Java bears its author's name.
_OTHERS = re.compile(rb"JPEG Encoder Copyright 1998, James R\. Weeks and BioElectroMech\.?[\0\s]*")


def is_signature(comment: bytes) -> bool:
    """Return whether a comment is an encoder's signature and nothing else."""
    return any(pattern.fullmatch(comment) for pattern in (_SIGNATURE, _LAYERS, _OTHERS))
