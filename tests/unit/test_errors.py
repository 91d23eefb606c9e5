"""What the messages of errors have in common."""

from __future__ import annotations

import pickle

from sendit.errors import Misconfigured, counted


def test_a_number_of_things() -> None:
    assert [counted(number, "instance") for number in (0, 1, 2)] == ["0 instances", "1 instance", "2 instances"]
    assert counted(1, "batch is", "batches are") == "1 batch is"
    assert counted(3, "batch is", "batches are") == "3 batches are"
    assert counted(2000, "row", shown="{:,}".format) == "2,000 rows"


def test_what_is_misconfigured_survives_a_pool_of_processes() -> None:
    error = pickle.loads(pickle.dumps(Misconfigured("SendIt.Projects", "it is empty", "Add a project.")))
    assert (error.place, error.problem, error.remedy) == ("SendIt.Projects", "it is empty", "Add a project.")
    assert str(error) == "SendIt.Projects: it is empty. Add a project."
