"""Tests of `sendit.deidentify.private_blocks`."""
