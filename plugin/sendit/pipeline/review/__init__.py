"""Review: which batches wait for a person, and what follows from what persons decide.

rule.py       what a project's Release rule says of a batch                        → the gate in the journal
desk.py       accept, reject, hold, re-run, regions                                → what has to be scheduled
reprocess.py  a batch that is DONE, by the present rules, in the place of itself   → the next version
"""

from __future__ import annotations

from sendit.model import Doubt

#: Doubts that a person may overrule: for these the output is made, and its batch waits in REVIEW. Nothing else can be
#: overruled; above all not an identifier that the leak check found, several patients in one study, a pseudonym that
#: cannot be had, pixels that cannot be decoded, and a barcode or an identifier that is legible after masking.
OVERRULABLE = frozenset(
    {Doubt.TEXT_FOUND, Doubt.MASKS_TOO_MUCH, Doubt.NOT_SEARCHED, Doubt.NO_DETECTION, Doubt.LOST_MEANING}
)
