"""What compressed frames contain beside their samples.

strip.py             takes it out by its length, and leaves the samples bit for bit
segments.py          what of a segment decoding needs: its length, tables that a component uses
encoder_comments.py  recognises the comments with which encoders sign
"""
