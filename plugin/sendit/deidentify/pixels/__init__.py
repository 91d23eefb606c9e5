"""Pixels: what is burned into them never leaves unseen. Pure functions, one frame at a time.

regions.py       rectangles in pixel coordinates
picture.py       what the header says of the pixels
native.py        frames of pixel data that are not compressed, one at a time
encapsulated.py  frames of pixel data that are
frames.py        any frame as an array of numbers
detect.py        what finds text; a finder is handed in
"""
