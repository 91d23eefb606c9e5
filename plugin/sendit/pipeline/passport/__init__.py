"""Passports: what was released, signed with the project's key and delivered with the study (docs/passport.md)."""
