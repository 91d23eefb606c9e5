"""The check of text detection."""

from __future__ import annotations

import sys

import pytest

from sendit.errors import Misconfigured
from sendit.pipeline.pool.pixel_tools import check_text_detection


def test_opencv_that_cannot_be_loaded_is_named_before_an_image_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a server without the libraries that it is linked with: `sendit doctor` says so."""
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(Misconfigured, match="the text-detection model cannot be loaded") as caught:
        check_text_detection()
    assert "libgl1" in caught.value.remedy


def test_what_is_installed_here_can_be_loaded() -> None:
    """No error."""
    check_text_detection()
