"""orthanc.json as Orthanc reads it: comments, variables, a folder of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from sendit.config.file import find_configuration, read_configuration
from sendit.errors import Misconfigured


def _file(folder: Path, text: str, name: str = "orthanc.json") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def _value(folder: Path, text: str) -> object:
    return read_configuration(_file(folder, f'{{"X": {text}}}'))["X"]


def test_comments_and_trailing_commas(tmp_path: Path) -> None:
    """Both kinds of comments, and what looks like one inside a string."""
    text = """{
      // one line with ${A_VARIABLE_THAT_IS_NOT_SET}
      "Url": "http://host/", /* several
      lines with "quotes" */
      "Quoted": "a \\" // b /* c */",
    }"""
    assert read_configuration(_file(tmp_path, text)) == {"Url": "http://host/", "Quoted": 'a " // b /* c */'}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"[${WORLD}]"', "[world]"),
        ('"[${ WORLD }]"', "[world]"),
        ('"[${WORLD:-x}]"', "[world]"),
        ('"[${NOPE:-dflt}]"', "[dflt]"),
        ('"[${NOPE:-a:b/c}]"', "[a:b/c]"),
        ('"[${NOPE:-}]"', "[]"),
        ("\"[${NOPE:-'q'}]\"", "[q]"),
        ("\"[${NOPE:-'a}b'}]\"", "[a}b]"),
        ('"[${NOPE:-"quoted"}]"', "[quoted]"),
        ('"[$WORLD]"', "[$WORLD]"),
        ("${PORT}", 8042),
        ("${NOPE:-8043}", 8043),
        ('"http://${WORLD}/" // ${NOPE}\n', "http://world/"),
    ],
)
def test_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, value: object) -> None:
    """As Orthanc 1.10.1 puts them in (each was run there), inside strings and outside."""
    monkeypatch.setenv("WORLD", "world")
    monkeypatch.setenv("PORT", "8042")
    monkeypatch.delenv("NOPE", raising=False)
    assert _value(tmp_path, text) == value


def test_a_variable_without_a_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Orthanc would quietly put nothing in its place; here the variable is named."""
    monkeypatch.delenv("SENDIT_NOPE", raising=False)
    with pytest.raises(Misconfigured, match="variable SENDIT_NOPE is not set") as caught:
        _value(tmp_path, '"${SENDIT_NOPE}"')
    assert caught.value.place.endswith("orthanc.json")
    assert "Set it" in caught.value.remedy


def test_a_folder_of_files(tmp_path: Path) -> None:
    """All the *.json files together; other files and folders are not read."""
    _file(tmp_path, '{"A": 1}', "a.json")
    _file(tmp_path, '{"B": 2}', "b.json")
    _file(tmp_path, "not JSON", "c.json.bak")
    (tmp_path / "more").mkdir()
    _file(tmp_path / "more", '{"C": 3}', "c.json")
    assert read_configuration(tmp_path) == {"A": 1, "B": 2}


def test_a_section_in_two_files(tmp_path: Path) -> None:
    """Orthanc refuses it; the second file and the key are named."""
    _file(tmp_path, '{"SendIt": {}}', "a.json")
    _file(tmp_path, '{"SendIt": {}}', "b.json")
    with pytest.raises(Misconfigured, match=r'"SendIt" is also in a\.json') as caught:
        read_configuration(tmp_path)
    assert caught.value.place.endswith("b.json")


def test_a_key_twice_in_one_file(tmp_path: Path) -> None:
    """Orthanc would take the last one, and half of what was written would not count."""
    with pytest.raises(Misconfigured, match="Projects"):
        read_configuration(_file(tmp_path, '{"SendIt": {"Projects": {}, "Projects": {}}}'))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"A": ', "is not JSON"),
        ('{"A": 1,\n "B" 2}', r"is not JSON \(line 2, column 6: "),
        ("", "is not JSON"),
        ("[1]", "is not a JSON object"),
        ('"x"', "is not a JSON object"),
    ],
)
def test_what_is_no_configuration(tmp_path: Path, text: str, words: str) -> None:
    """The file is named."""
    path = _file(tmp_path, text)
    with pytest.raises(Misconfigured, match=words) as caught:
        read_configuration(path)
    assert caught.value.place == str(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, an empty folder and a file in another encoding."""
    with pytest.raises(Misconfigured, match="No such file"):
        read_configuration(tmp_path / "nowhere.json")
    with pytest.raises(Misconfigured, match=r"contains no \*.json file"):
        read_configuration(tmp_path)
    path = tmp_path / "latin.json"
    path.write_bytes('{"A": "ä"}'.encode("latin-1"))
    with pytest.raises(Misconfigured, match="UTF-8"):
        read_configuration(path)


def test_where_it_is_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """$SENDIT_CONFIG; else Debian's folder, if SendIt is in it; else the demonstration's, if there is one."""
    installed, demonstration = tmp_path / "etc", tmp_path / "demonstration.json"
    monkeypatch.setattr("sendit.config.file.INSTALLED", installed)
    monkeypatch.setattr("sendit.config.file.DEMONSTRATION", demonstration)
    monkeypatch.setenv("SENDIT_CONFIG", "/some/where.json")
    assert find_configuration() == Path("/some/where.json")
    monkeypatch.delenv("SENDIT_CONFIG")
    assert find_configuration() == installed
    demonstration.write_text("{}")
    assert find_configuration() == demonstration
    installed.mkdir()
    (installed / "sendit.json").write_text('{"SendIt": {}}')
    assert find_configuration() == installed


def test_a_folder_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a message with a way out; root may enter all folders, so an operating system's refusal is played here."""

    def refuse(path: Path) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(Misconfigured, match=r"Permission denied.*Orthanc's user"):
        read_configuration(tmp_path)
    monkeypatch.setattr(Path, "is_dir", refuse)
    with pytest.raises(Misconfigured, match="Permission denied"):
        read_configuration(tmp_path / "orthanc.json")
