"""Pixels: what is burned into them never leaves unseen. Pure functions, one frame at a time.

regions.py       rectangles in pixel coordinates
picture.py       what the header says of the pixels
native.py        frames of pixel data that are not compressed, one at a time
encapsulated.py  frames of pixel data that are
frames.py        any frame as an array of numbers
detect.py        what finds text; a finder is handed in
album.py         small pictures of before and after
text_views.py    stored values as pictures in which text is seen
text_network.py  the networks that find and read text
text_boxes.py    from their map to rectangles
text.py          text in a picture; what was looked at is remembered by its pixels
text_frames.py   text in a frame, and which frames are looked at
text_known.py    known values in text that was read with mistakes
text_search.py   text in an instance
"""
