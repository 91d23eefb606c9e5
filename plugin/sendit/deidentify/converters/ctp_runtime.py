"""The functions of CTP's scripts, as a project's Python file has them. The text of this file begins each such file."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any


def _joined(element: Any) -> str:
    """Return the value of an element as CTP sees it: several values with a backslash between."""
    if element is None or element.VR == "SQ" or element.value is None:
        return ""
    value = element.value
    return "\\".join(map(str, value)) if isinstance(value, (list, tuple)) or hasattr(value, "insert") else str(value)


def _truncated(text: str, count: int) -> str:
    return text[:count] if count >= 0 else text.strip()[max(0, len(text.strip()) + count) :]


def _initials(name: str) -> str:
    words = name.replace("^", " ").split()
    letters = "".join(word[0] for word in words) or "X"
    return (letters[1:] + letters[0]).upper() if len(letters) > 1 else letters.upper()


def _rounded(age: str, width: int) -> str:
    digits = re.sub(r"\D", "", age)
    if not digits:
        return ""
    # As Java rounds: halves upwards.
    rounded = f"{int(int(digits) / width + 0.5) * width}{re.sub(r'[0-9]', '', age.strip())}"
    return rounded.zfill(4) if rounded[-1] in "DWMY" else rounded  # an age has three digits


def _each_date(dates: str, change: Callable[[date], date]) -> str:
    if len(dates) < 8:
        return ""
    return "\\".join(
        f"{change(date(int(one[:4]), int(one[4:6]), int(one[6:8]))):%Y%m%d}{one[8:]}" for one in dates.split("\\")
    )


def _moved(dates: str, days: int) -> str:
    return _each_date(dates, lambda day: day + timedelta(days))


def _modified(dates: str, year: int, month: int, day: int) -> str:
    # As Java's calendar, which takes the 31st of a month of 30 days for the 1st of the next one.
    return _each_date(
        dates, lambda old: date(year or old.year, month or old.month, 1) + timedelta((day or old.day) - 1)
    )


def _appended(text: str, more: str) -> str:
    return f"{text}\\{more}" if text else more


def _path_element(text: str, index: int) -> str:
    parts = text.split("/")
    return parts[index] if -len(parts) <= index < len(parts) else text


def _number(text: str) -> int:
    return int(re.sub(r"[^0-9]", "", text) or 0)
