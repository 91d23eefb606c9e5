"""The residual identifier check: every output is searched for the known identifiers of its original."""
