"""The section "SendIt": what is right is read, what is wrong is named with its place and its remedy."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from sendit.config.project import CsvList, IdentityService
from sendit.config.schema import Option, Settings, load
from sendit.errors import Misconfigured

WHOLE: dict[str, Any] = {
    "OrthancPeers": {"research": ["http://127.0.0.1:8043/"]},
    "SendIt": {
        "DataDirectory": "/srv/sendit",
        "Database": "postgresql://sendit:hunter2@db/sendit",
        "Python": "/srv/venv/bin/python",
        "Workers": 4,
        "BatchesAtOnce": 3,
        "ReconcileSeconds": 30,
        "Retry": {"Limit": 5, "FirstDelay": 1, "MaxDelay": 60},
        "WatchedFolders": [{"Path": "/data", "Project": "IRB1", "Polling": True, "AfterImport": "Delete"}],
        "Destinations": {"out": {"Type": "OrthancPeer", "Peer": "research", "Concurrency": 2, "Retry": {"Limit": 1}}},
        "Projects": {
            "IRB1": {
                "Match": {"Modality": ["CT", "MR"], "CalledAET": "IRB1", "CallingAET": ["A", "B"]},
                "Options": ["CleanDescriptors"],
                "Recipes": ["irb1.deid"],
                "Identities": {"Source": "Keyed"},
                "Destinations": ["out"],
                "Release": "Automatic",
                "AfterDelivery": "KeepOriginals",
            }
        },
    },
}


def _refused(document: dict[str, Any]) -> Misconfigured:
    with pytest.raises(Misconfigured) as caught:
        load(document)
    assert "hunter2" not in str(caught.value)
    return caught.value


def _changed(place: str, value: object) -> dict[str, Any]:
    """WHOLE with another value at this place of the section, for example Projects.IRB1.Release."""
    document = copy.deepcopy(WHOLE)
    section: Any = document["SendIt"]
    *way, last = place.split(".")
    for key in way:
        section = section[int(key) if key.isdigit() else key]
    section[int(last) if last.isdigit() else last] = value
    return document


def test_the_whole_section() -> None:
    """Every key is read under its name in orthanc.json."""
    settings, orthanc = load(WHOLE)
    assert settings.data_directory == Path("/srv/sendit")
    assert settings.retry.limit == 5
    assert settings.watched_folders[0].after_import == "Delete"
    assert settings.destinations["out"].concurrency == 2
    assert settings.destinations["out"].retry.limit == 1
    match = settings.projects["IRB1"].match
    assert match is not None
    assert (match.called_aet, match.calling_aet) == ("IRB1", ["A", "B"])
    assert settings.projects["IRB1"].options == [Option.CLEAN_DESCRIPTORS]
    assert orthanc.peers["research"].url == "http://127.0.0.1:8043"


def test_pixels_are_looked_at_unless_options_say_otherwise() -> None:
    """Of a project and of a variant that name none; who lists options gets those."""
    projects: dict[str, dict[str, Any]] = {"A": {}, "B": {"Options": []}, "C": {"Options": ["RetainUIDs"]}}
    variant = {"Variants": {"other": {"Destinations": ["bucket"]}}}
    section = {
        "Destinations": {name: {"Type": "OrthancPeer", "Peer": name} for name in ("research", "bucket")},
        "Projects": {name: {"Destinations": ["research"], **project, **variant} for name, project in projects.items()},
    }
    peers = {"research": ["http://127.0.0.1:1/"], "bucket": ["http://127.0.0.1:2/"]}
    found, _ = load({"OrthancPeers": peers, "SendIt": section})
    cleaned = [name for name, project in found.projects.items() if Option.CLEAN_PIXEL_DATA in project.options]
    assert cleaned == ["A", "A@other", "B@other", "C@other"]


def test_an_empty_section() -> None:
    """Everything has a default."""
    settings, _ = load({"SendIt": {}})
    assert settings == Settings()
    assert settings.database == "sqlite"


def test_the_password_of_the_database_is_not_shown() -> None:
    """Settings may be printed."""
    settings, _ = load(WHOLE)
    assert "hunter2" not in repr(settings)


def test_no_section() -> None:
    """Orthanc runs without SendIt's section; SendIt says what to add."""
    error = _refused({})
    assert error.place == "SendIt"
    assert "Add" in error.remedy


@pytest.mark.parametrize(
    ("place", "remedy"),
    [
        ("DataDirektory", "Did you mean DataDirectory?"),
        ("Zzz", "Available: DataDirectory, Database,"),
        ("data_directory", "DataDirectory"),
        ("Retry.Limt", "Did you mean Limit?"),
        ("WatchedFolders.0.Pth", "Did you mean Path?"),
        ("Destinations.out.Per", "Did you mean Peer?"),
        ("Destinations.out.Retry.Zzz", "Available: Limit, FirstDelay, MaxDelay."),
        ("Projects.IRB1.Optoins", "Did you mean Options?"),
        ("Projects.IRB1.Match.CalledAet", "Did you mean CalledAET?"),
        ("Projects.IRB1.Identities.Sauce", "Did you mean Source?"),
    ],
)
def test_unknown_keys(place: str, remedy: str) -> None:
    """At every depth, with the key that was probably meant."""
    error = _refused(_changed(place, 1))
    assert error.place == "SendIt." + place.replace(".0.", "[0].")
    assert error.problem == "there is no such key"
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        ("DataDirectory", "relative", "absolute path"),
        ("Database", "mysql://x", "give sqlite or postgresql"),
        ("Database", 7, "valid string"),
        ("Workers", -1, "greater than or equal to 0"),
        ("Workers", "many", "valid integer"),
        ("Retry.FirstDelay", 0, "greater than 0"),
        ("WatchedFolders.0.Path", "data", "absolute path"),
        ("WatchedFolders.0.AfterImport", "Burn", "'Move' or 'Delete'"),
        ("Destinations.out.Type", "CarrierPigeon", "one of OrthancPeer, GoogleCloudStorage"),
        ("Destinations.out.Concurrency", 0, "greater than or equal to 1"),
        ("Projects.IRB1.Options.0", "CleanEverything", "'RetainSafePrivate'"),
        ("Projects.IRB1.Release", "Never", "'Automatic'"),
        ("Projects.IRB1.Match.CalledAET", 7, "a string, or a list of strings"),
        ("Projects.IRB1.Destinations", [], "at least 1 item"),
        ("Projects.IRB1", [], "valid dictionary"),
        ("Projects.IRB1.Match.CalledAET", "", "a pattern is empty"),
        ("Projects.IRB1.Match.StudyDescription", ["CT*", ""], "a pattern is empty"),
    ],
)
def test_wrong_values(place: str, value: object, problem: str) -> None:
    """The place is told as it stands in orthanc.json, and what would be right there."""
    error = _refused(_changed(place, value))
    shown = "SendIt." + place.replace(".0", "[0]")
    assert error.place == shown
    assert problem in error.problem
    assert error.remedy


@pytest.mark.parametrize(
    ("place", "value", "where"),
    [
        ("Projects.no spaces", {"Destinations": ["out"]}, "Projects.no spaces"),
        ("Destinations..hidden", {"Type": "OrthancPeer", "Peer": "research"}, "Destinations..hidden"),
    ],
)
def test_names_that_cannot_stand_in_file_names(place: str, value: object, where: str) -> None:
    """Projects and destinations are named in file names and URLs."""
    document = copy.deepcopy(WHOLE)
    section, _, name = place.partition(".")
    document["SendIt"][section][name] = value
    error = _refused(document)
    assert error.place == f"SendIt.{where}"
    assert "letters, digits" in error.problem


def test_missing_keys() -> None:
    """Named with the place where they are missing."""
    error = _refused(_changed("Destinations.out", {"Type": "OrthancPeer"}))
    assert (error.place, error.problem) == ("SendIt.Destinations.out.Peer", "this key is missing")


@pytest.mark.parametrize(
    ("place", "value", "where", "words"),
    [
        ("Projects.IRB1.Destinations", ["out", "bin"], "Projects.IRB1.Destinations[1]", "Known: out."),
        ("Projects.IRB1.Destinations", ["out", "out"], "Projects.IRB1.Destinations[1]", "named twice"),
        ("WatchedFolders.0.Project", "IRB2", "WatchedFolders[0].Project", "Known: IRB1."),
        ("Destinations.out.Peer", "nobody", "Destinations.out.Peer", "Known: research."),
        ("Destinations.out.Modalities", ["CT", "mr"], "Destinations.out.Modalities[1]", "as DICOM codes it"),
        ("Projects.IRB1.Accept", {"SOPClasses": ["CT"]}, "Projects.IRB1.Accept.SOPClasses[0]", "match pattern"),
        ("Projects.IRB1.Match.Modality", ["C*"], "Projects.IRB1.Match.Modality[0]", "as DICOM codes it"),
    ],
)
def test_names_that_point_nowhere(place: str, value: object, where: str, words: str) -> None:
    """Unknown destinations, projects, peers and codes, with those that are known."""
    error = _refused(_changed(place, value))
    assert error.place == f"SendIt.{where}"
    assert words in str(error)


CSV = {"Source": "Csv", "Path": "/srv/codes.csv"}
SERVICE = {"Source": "Service", "Url": "https://codes.example.org/"}


def test_sources_of_identities() -> None:
    """Lists and services, with their defaults."""
    settings, _ = load(_changed("Projects.IRB1.Identities", CSV))
    listed = settings.projects["IRB1"].identities
    assert isinstance(listed, CsvList)
    assert (listed.unknown, listed.columns.patient_id, listed.columns.code) == ("Stop", "PatientID", "Code")
    secret = {**SERVICE, "Username": "u", "Password": "hunter3", "Headers": {"X-Key": "hunter3"}}
    settings, _ = load(_changed("Projects.IRB1.Identities", secret))
    assert isinstance(settings.projects["IRB1"].identities, IdentityService)
    assert "hunter3" not in repr(settings)


def test_a_list_of_studies_needs_the_crosswalk() -> None:
    """Nothing else would notice that two patients get one pseudonym."""
    by_study = {**CSV, "Columns": {"AccessionNumber": "AccessionNumber"}}
    document = _changed("Projects.IRB1.Identities", by_study)
    load(document)
    document["SendIt"]["Projects"]["IRB1"]["Crosswalk"] = False
    error = _refused(document)
    assert error.place == "SendIt.Projects.IRB1"
    assert "needs Crosswalk: true" in str(error)


@pytest.mark.parametrize(
    ("value", "where", "words"),
    [
        ({"Source": "Guess"}, ".Source", "one of Keyed, Csv, Service"),
        ({"Path": "/srv/codes.csv"}, ".Source", "one of Keyed, Csv, Service"),
        ({"Source": "Csv"}, ".Path", "missing"),
        ({**CSV, "Path": "codes.csv"}, ".Path", "absolute path"),
        ({**CSV, "Unknown": "Ignore"}, ".Unknown", "'Stop' or 'Keyed'"),
        ({**CSV, "Url": "x"}, ".Url", "no such key"),
        ({**CSV, "Colums": {}}, ".Colums", "Did you mean Columns?"),
        ({**CSV, "Columns": {"Cod": "x"}}, ".Columns.Cod", "Did you mean Code?"),
        ({**CSV, "Delimiter": "|"}, ".Delimiter", "',', ';'"),
        ({**SERVICE, "Url": "codes.example.org"}, ".Url", "https://"),
        ({**SERVICE, "Url": "http://codes.example.org/"}, ".Url", "be sent encrypted"),
        ({**SERVICE, "Url": "https://u:hunter2@codes.example.org/"}, ".Url", "keys of their own"),
        ({**SERVICE, "Username": "u"}, "", "go together"),
        ({**SERVICE, "Timeout": 0}, ".Timeout", "greater than 0"),
        ({**SERVICE, "Headers": {"X": "a\r\nb"}}, ".Headers.X", "match pattern"),
        ({"Source": "Keyed", "Path": "/x"}, ".Path", "no such key"),
    ],
)
def test_wrong_identities(value: object, where: str, words: str) -> None:
    """The place is told without the type that was taken."""
    error = _refused(_changed("Projects.IRB1.Identities", value))
    assert error.place == f"SendIt.Projects.IRB1.Identities{where}"
    assert words in str(error)


@pytest.mark.parametrize(
    ("change", "where", "words"),
    [
        ({"Type": "GoogleCloudStorage", "Bucket": "b"}, ".Bucket", "match pattern"),
        ({"Type": "GoogleCloudStorage"}, ".Bucket", "missing"),
        ({"Type": "GoogleCloudStorage", "Bucket": "radiology", "Buckett": 1}, ".Buckett", "Did you mean Bucket?"),
        ({"Type": "GoogleCloudStorage", "Bucket": "radiology", "Index": {}}, ".Index[0].Type", "Datastore, BigQuery"),
        (
            {"Type": "GoogleCloudStorage", "Bucket": "radiology", "Index": {"Type": "Datastore", "GoogleProject": 1}},
            ".Index[0].GoogleProject",
            "string",
        ),
        (
            {"Type": "GoogleCloudStorage", "Bucket": "radiology", "Credentials": {"Source": "ServiceAccountFile"}},
            ".Credentials",
            "go together",
        ),
        ({"Type": "Folder", "Path": "relative"}, ".Path", "absolute path"),
        ({"Type": "DicomWeb", "Url": "https://u:p@x/"}, ".Url", "keys of their own"),
        ({"Type": "DicomWeb", "Url": "https://x/", "Username": "u"}, "", "go together"),
        ({"Type": "Folder", "Path": "/x", "Window": {"From": "20:00", "To": "20:00"}}, ".Window", "same time"),
        ({"Type": "Folder", "Path": "/x", "Window": {"From": "8", "To": "20:00"}}, ".Window.From", "as 20:00"),
        (
            {"Type": "Folder", "Path": "/x", "Window": {"From": "08:00", "To": "20:00", "TimeZone": "Mars/One"}},
            ".Window.TimeZone",
            "no such time zone",
        ),
    ],
)
def test_wrong_destinations(change: object, where: str, words: str) -> None:
    """Every type of destination names the wrong place, as it stands in the file."""
    error = _refused(_changed("Destinations.out", change))
    assert error.place == f"SendIt.Destinations.out{where}"
    assert words in str(error)


@pytest.mark.parametrize("place", ["Retention.JournalDays", "Retry.Limit", "Destinations.out.BytesPerSecond"])
def test_true_is_no_number(place: str) -> None:
    """Taken for 1, it would forget every receipt after a day."""
    document = copy.deepcopy(WHOLE)
    section: Any = document["SendIt"]
    *way, last = place.split(".")
    for key in way:
        section = section.setdefault(key, {})
    section[last] = True
    error = _refused(document)
    assert error.place == "SendIt." + ".".join(way)
    assert f"not numbers for {last}" in error.problem


@pytest.mark.parametrize(("kind", "name"), [("Projects", "irb1"), ("Destinations", "OUT")])
def test_names_that_differ_by_their_case(kind: str, name: str) -> None:
    """Keys are files named after their project, and some disks do not tell the two apart."""
    document = copy.deepcopy(WHOLE)
    [value] = document["SendIt"][kind].values()
    document["SendIt"][kind][name] = value
    error = _refused(document)
    assert (error.place, "only by its case" in error.problem) == (f"SendIt.{kind}.{name}", True)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"Type": "DicomWeb", "Url": "https://x/", "Username": "", "Password": ""}, ".Username"),
        ({"Type": "DicomWeb", "Url": "https://x/", "Username": "u", "Password": ""}, ".Password"),
        ({"Type": "GoogleCloudStorage", "Bucket": "radiology", "ObjectName": ""}, ".ObjectName"),
    ],
)
def test_a_variable_that_is_not_set(change: object, where: str) -> None:
    """Orthanc puts in nothing for it: that is neither a password nor the default."""
    assert _refused(_changed("Destinations.out", change)).place == f"SendIt.Destinations.out{where}"


@pytest.mark.parametrize(
    ("orthanc", "first", "second", "problem"),
    [
        ({"DicomPort": 11112}, 11112, 11113, "SendIt.Destinations.a.CommitmentPort: 11112 is DicomPort already"),
        ({}, 11113, 4242, "SendIt.Destinations.b.CommitmentPort: 4242 is DicomPort already"),
        ({"HttpPort": 8050}, 11113, 8050, "SendIt.Destinations.b.CommitmentPort: 8050 is HttpPort already"),
        ({}, 11113, 11113, "SendIt.Destinations.b.CommitmentPort: 11113 is SendIt.Destinations.a.CommitmentPort"),
        ({}, 11113, 11114, ""),
        ({"DicomServerEnabled": False, "HttpServerEnabled": False}, 4242, 8042, ""),
    ],
)
def test_ports_of_commitment(orthanc: dict[str, Any], first: int, second: int, problem: str) -> None:
    """Orthanc listens at two ports of its own, and each destination needs another one."""
    document = {**copy.deepcopy(WHOLE), **orthanc, "DicomModalities": {"pacs": ["PACS", "127.0.0.1", 104]}}
    for name, port in (("a", first), ("b", second)):
        entry = {"Type": "DicomModality", "Modality": "pacs", "StorageCommitment": True, "CommitmentPort": port}
        document["SendIt"]["Destinations"][name] = entry
    if problem:
        assert problem in str(_refused(document))
    else:
        assert set(load(document)[0].destinations) >= {"a", "b"}


@pytest.mark.parametrize(
    ("place", "value", "remedy"),
    [
        ("Projects.IRB1.Options.0", "CleanPixelDate", "Did you mean CleanPixelData?"),
        ("Projects.IRB1.Options.0", "retainuids", "Did you mean RetainUIDs?"),
        ("Projects.IRB1.Options.0", "Reserch", "Did you mean Research?"),
        ("Projects.IRB1.Options.0", "Zzz", "Correct it in orthanc.json."),
        ("Projects.IRB1.AfterDelivery", "DeleteOriginal", "Did you mean DeleteOriginals?"),
        ("Projects.IRB1.Pixels", {"OnText": "Masked"}, "Did you mean Mask?"),
        ("WatchedFolders.0.AfterImport", "move", "Did you mean Move?"),
        ("Destinations.out.Type", "OrthancPear", "Did you mean OrthancPeer?"),
        ("Destinations.out.Type", "GCS", "Correct it in orthanc.json."),
        ("Projects.IRB1.Destinations", ["Out"], "Did you mean out? Known: out."),
        ("Destinations.out.Peer", "reserch", "Did you mean research? Known: research."),
        ("Projects.IRB1.DESTINATIONS", 1, "Did you mean Destinations?"),
    ],
)
def test_guesses(place: str, value: object, remedy: str) -> None:
    """What was probably meant by a key, a value or a name that does not exist."""
    assert _refused(_changed(place, value)).remedy == remedy


@pytest.mark.parametrize("name", ["Sendit", "SENDIT", "SendIT", "Send-It"])
def test_a_section_of_another_name(name: str) -> None:
    """Is seen, and its right name is told."""
    document = {**{key: value for key, value in WHOLE.items() if key != "SendIt"}, name: WHOLE["SendIt"]}
    assert f'"{name}"' in _refused(document).remedy


@pytest.mark.parametrize(
    ("options", "entries", "kept", "lists"),
    [
        ("Research", None, 7, ["vendors"]),
        (["Research"], None, 7, ["vendors"]),
        (["Research", "CleanDescriptors", "RetainUIDs"], None, 8, ["vendors"]),
        (["Research"], ["vendor:GE"], 7, ["vendor:GE"]),
        (["RetainSafePrivate"], None, 1, ["vendors"]),
        (["RetainSafePrivate"], [], 1, []),
        ("CleanPixelData", None, 1, []),
    ],
)
def test_research_in_one_word(options: str | list[str], entries: list[str] | None, kept: int, lists: list[str]) -> None:
    """A preset stands for its options; private attributes stay by the lists of all vendors if none is named."""
    changes: dict[str, object] = {"Options": options}
    if entries is not None:
        changes["SafePrivate"] = entries
    document = copy.deepcopy(WHOLE)
    document["SendIt"]["Projects"]["IRB1"] = {"Destinations": ["out"], **changes}
    project = load(document)[0].projects["IRB1"]
    assert len(project.options) == kept
    assert project.safe_private == lists


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("vendor:Simens", "names no list of SendIt"),
        ("vendor:", "names no list"),
        ("(0019,GE,01)", "is not a private attribute"),
    ],
)
def test_lists_of_private_attributes_that_do_not_exist(entry: str, problem: str) -> None:
    """Stop at load; the place is told."""
    error = _refused(_changed("Projects.IRB1.SafePrivate", ["vendors", entry]))
    assert error.place == "SendIt.Projects.IRB1.SafePrivate[1]"
    assert problem in error.problem


@pytest.mark.parametrize(
    ("value", "everything", "persons"),
    [
        ("Review", True, 1),
        ({"Review": {}}, True, 1),
        ({"Review": {"Persons": 2}}, True, 2),
        ({"Review": {"Share": 2.5, "Modality": ["US"]}}, False, 1),
        ({"Review": {"FirstOfDevice": 3, "TextFound": True, "Persons": 2}}, False, 2),
    ],
)
def test_who_is_asked_before_a_release(value: object, everything: bool, persons: int) -> None:
    """All studies wait unless a key names some; the word stands for the empty section."""
    settings, _ = load(_changed("Projects.IRB1.Release", value))
    rule = settings.projects["IRB1"].release.review
    assert rule is not None
    assert (rule.everything, rule.persons) == (everything, persons)


@pytest.mark.parametrize(
    ("value", "place", "problem"),
    [
        ({}, "", "'Automatic', 'Review'"),
        ({"Review": {"Shares": 5}}, ".Review.Shares", "no such key"),
        ({"Review": {"Share": 0}}, ".Review.Share", "greater than 0"),
        ({"Review": {"Share": 101}}, ".Review.Share", "less than or equal to 100"),
        ({"Review": {"Persons": 3}}, ".Review.Persons", "less than or equal to 2"),
        ({"Review": {"Persons": True}}, ".Review", "not numbers"),
        ({"Review": {"Modality": []}}, ".Review.Modality", "at least 1 item"),
        ({"Reviews": {}}, ".Reviews", "no such key"),
    ],
)
def test_a_wrong_release(value: object, place: str, problem: str) -> None:
    """Each is refused with its place."""
    error = _refused(_changed("Projects.IRB1.Release", value))
    assert (error.place, problem in error.problem) == (f"SendIt.Projects.IRB1.Release{place}", True), error
