"""Names in the form of the Brain Imaging Data Structure stay, with a small number for the subject and no name."""

from __future__ import annotations

import pytest

from sendit.deidentify.text.clean import PersonalData, TextCleaner

CLEANER = TextCleaner(PersonalData(identifiers=frozenset({"sub-117"})))


@pytest.mark.parametrize(
    "text",
    [
        "sub-012_ses-01_T1w", "sub-01_ses-baseline_task-nback_run-2_bold.nii.gz", "ses-01_acq-mprage_T1w",
        "task-rest_bold", "sub-01_space-MNI_desc-preproc_bold", "sub-3_dir-AP_epi",
    ],
)  # fmt: skip
def test_such_names_stay(text: str) -> None:
    assert CLEANER.description(text) == text


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("sub-Minji_T1w", "Minji"), ("sub-4711_T1w", "4711"), ("sub-01_ses-Johnson_T1w", "Johnson"),
        ("sub-01_ses-20240102_T1w", "20240102"), ("sub-117_ses-01_T1w", "117"), ("sub-01_rec-Kim_bold", "Kim"),
    ],
)  # fmt: skip
def test_names_and_numbers_in_them_go(text: str, gone: str) -> None:
    """Also those that the file gives to somebody."""
    assert gone not in CLEANER.description(text)


def test_a_subject_that_is_a_name_goes_and_words_behind_sub_stay() -> None:
    """In a text that is no name of BIDS as a whole, too."""
    assert CLEANER.description("rs-fMRI run1 sub-halvorsen") == "rs-fMRI run1 sub"
    assert CLEANER.description("Hematoma sub-dural, sub-segmental") == "Hematoma sub-dural, sub-segmental"
