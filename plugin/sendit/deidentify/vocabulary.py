"""Words that say nothing about who is meant, although somebody may be called so: Long, Head, May.

They are the standard's own vocabulary, out of pydicom's dictionaries (PS3.6, and the meanings of PS3.16's codes), with
a few that reports and devices add. A single part of a name that stands here is not searched for; the full name is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom._uid_dict import UID_dictionary
from pydicom.sr._concepts_dict import concepts

from sendit.deidentify.folding import fold

#: Makers of devices, whose names stand in every file: a patient called Philips would hold back all of theirs.
_MAKERS = """
agfa bruker canon carestream elekta esaote fuji fujifilm ge general electric hitachi hologic kodak konica
medison mindray minolta philips picker planmed samsung sectra shimadzu siemens healthineers toshiba varian
xerox
"""
#: Of reports, protocols and forms; the months and days; what stands where a value is not known; titles.
_PLAIN = """
a abd abdomen acc after all am amy an and angio anon anonymous any april art as at august ax axial base be
before best black blade blue body bone boost brain brown by care cc center chart chest clear clinic clinical
close cor coronal cross cut data date day dept dr day deep dose down dual early east ed edge end esq ext extra
fast film fine first fit flair flash foot for forte fr free friday front full gray green grey guide hall hand
hard head heart helical high his hospital house image imaging in is iv january jr july june kernel king knee
lab large late lateral left leg level light line liver local long lot low lung lungs main man march mart may
md mean med medical mid miss mix mode monday more mr mri mrs ms name neck new night no noble none noon north
not null of off old on or out page pa par park part patient ph phase phd plain pm point pre prep price prime
prof quick radiology rapid ray read ready record red ref removed report rest right rod room round routine rt
sag sagittal sample saturday scan school sd sec see self sex sharp short side sir sky slice slim small smart
smooth soft south spine sr standard stark state std stern stone street strong study sub sunday super system
teach test tester testing the thick thin thursday time to top true tuesday tune turn ultra unit unknown
unnamed unspecified untitled up upper van von view walk ward warm wash water wave wednesday west white wide
wire with wood work world worth yellow young zero zoom xx xxx na nn nil id ct us xr
"""
_DAYS = (
    "jan feb mar apr jun jul aug sep sept oct nov dec september october november december mon tue wed thu fri sat sun"
)
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
#: In a meaning of several words, one with a capital is somebody's name (Wilson's disease), or stands elsewhere without.
_CAPITAL = re.compile(r"\b[A-Z][a-z]{2,}\b")


@cache
def vocabulary() -> frozenset[bytes]:
    """All of them, folded."""
    return frozenset(fold("\n".join((_MAKERS, _PLAIN, _DAYS, *_texts()))).split())


def _texts() -> Iterator[str]:
    for _, _, name, _, keyword in (*DicomDictionary.values(), *RepeatersDictionary.values()):
        yield name
        yield " ".join(_CAMEL.findall(keyword))
    for name, *_ in UID_dictionary.values():
        yield name
    for scheme, named in concepts.items():
        for codes in named.values():
            for meaning, _ in dict(codes).values():  # type: ignore[call-overload]
                yield _CAPITAL.sub("", meaning) if scheme == "SCT" and " " in meaning else meaning
