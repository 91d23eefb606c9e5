"""Pixels: nothing burned into them leaves unnoticed. Pure functions, one frame at a time.

policy.py           what happens to the pixels of an instance
burned_in_risk.py   which images may contain burned-in text, by their header
slides.py           labels of slides
barcodes/           barcodes
ocr/                text detection
redaction/          masking
image.py            the Image Pixel attributes of the header
frames.py           any frame as an array: native.py (uncompressed), encapsulated.py and codecs.py (compressed)
overlay_text.py     text drawn into overlays that stay
codestreams/        what a compressed frame contains beside its samples
jpeg_colours.py     the colours of a JPEG, by its stream
display.py          frames as displayed values; windowing.py makes 8 bits of them
preview.py          previews before and after masking
regions.py          rectangles in pixel coordinates
"""
