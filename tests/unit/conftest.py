"""What the unit tests share."""

from __future__ import annotations

import hypothesis

# A test says what has to come out, not how fast: on a busy machine an example takes as long as it takes.
hypothesis.settings.register_profile("unit", deadline=None)
hypothesis.settings.load_profile("unit")
