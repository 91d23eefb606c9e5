"""Find barcodes in pixels: labels of slides, wristbands, forms and films encode names and numbers in them.

search.py    the frames of an instance, each until nothing can be read in it
look.py      one pass over a frame
places.py    where in a frame a code may stand, and of which kind
bars.py      how far bars extend, and which way modules are turned
"""
