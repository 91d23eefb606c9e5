"""Jobs for the processes that de-identify."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendit.pipeline.pool.processes import Job, ProjectSpec

if TYPE_CHECKING:
    from pathlib import Path


def jobs_of(folder: Path, project: ProjectSpec, *instances: bytes) -> list[Job]:
    """One for each instance, named by its number; its file and its output lie in the folder."""
    jobs = []
    for number, content in enumerate(instances):
        source = folder / f"{number}.in"
        source.write_bytes(content)
        jobs.append(Job(str(number), project, source, folder / f"{number}.dcm"))
    return jobs
