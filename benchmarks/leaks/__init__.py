"""The leak benchmark: identifying values are planted in many files, and looked for in what tools give out.

`run.main` runs the controls, SendIt and other tools, and writes docs/benchmarks/leaks.md and README's part.
"""

from __future__ import annotations
