"""The Basic Application Level Confidentiality Profile of PS3.15 and its options, as rules."""
