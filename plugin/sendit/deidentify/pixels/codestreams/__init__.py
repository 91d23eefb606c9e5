"""Take out the parts of compressed frames that are no samples.

strip.py             takes them out by their length, and leaves the samples bit for bit
segments.py          keeps of a segment only the fields that decoding needs, and the tables that a component uses
encoder_comments.py  recognises the comments with which encoders sign
"""
