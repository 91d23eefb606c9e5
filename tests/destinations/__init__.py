"""One contract suite for every destination, and what is particular to each."""
