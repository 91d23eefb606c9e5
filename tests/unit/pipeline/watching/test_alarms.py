"""Alarms: each kind is told once, again if it lasts, and when it is over, whatever restarts and channels break."""

from __future__ import annotations

import json
import re
import shutil
import stat
from collections import namedtuple
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast, get_args

import pytest
import sqlalchemy as sa

from sendit.config.alarms import Alarms, Kind
from sendit.config.masking import masked_section
from sendit.config.orthanc import OrthancConfig
from sendit.config.schema import load
from sendit.errors import Misconfigured, Retry
from sendit.journal import Journal
from sendit.journal import tables as t
from sendit.journal.lists.pauses import Paused
from sendit.journal.receipts.passports import PublicKey
from sendit.pipeline.readback.destination_status import UNREACHABLE, Answer
from sendit.pipeline.watching.alarms.channels import channels_of
from sendit.pipeline.watching.alarms.conditions import Condition, Conditions
from sendit.pipeline.watching.alarms.keeper import FILE, Keeper, summary
from tests.journal.test_lists import work
from tests.servers.certificates import Authority
from tests.servers.ports import free_port
from tests.servers.smtp import MailServer
from tests.servers.webhook import Webhook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.long

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with Webhook() as running:
        yield running


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open("sqlite", tmp_path)
    yield opened
    opened.close()


class Planted:
    """Conditions that a test sets."""

    def __init__(self) -> None:
        self.found: dict[str, list[Condition] | None] = {}

    def now(self, memory: dict[str, str]) -> dict[str, list[Condition] | None]:
        return self.found

    def leads(self) -> bool:
        return True


def keeper(folder: Path, conditions: Any, **keys: Any) -> Keeper:
    alarms = Alarms.model_validate({"TimeZone": "UTC", **keys})
    return Keeper(alarms, folder, conditions, channels_of(alarms), lambda at: f"summary of {at:%d}")


def hooks(*some: Webhook) -> dict[str, Any]:
    return {"Webhooks": [{"Url": one.url} for one in some]}


def at(**later: float) -> datetime:
    return NOON + timedelta(**later)


def test_told_once_and_again_if_it_lasts_and_when_it_is_over(hook: Webhook, tmp_path: Path) -> None:
    """What happens together is one message; a restart tells nothing anew."""
    planted = Planted()
    one = keeper(tmp_path, planted, Link="https://orthanc.example/sendit/", Title="SendIt of radiology", **hooks(hook))
    planted.found = {
        "Held": [Condition("Held:a:leak check", "a batch is held: 12")],
        "Disk": [Condition("Disk:", "full")],
    }
    for minutes in (0, 1, 600, 1439):
        one.look(at(minutes=minutes))
    assert hook.texts == [
        "*SendIt of radiology: 2 problems*\nProblem: a batch is held: 12\nProblem: full\nhttps://orthanc.example/sendit/"
    ]
    again = keeper(tmp_path, planted, **hooks(hook))
    again.look(at(minutes=1439))
    assert len(hook.bodies) == 1
    again.look(at(hours=24))
    planted.found["Disk"] = []
    again.look(at(hours=25))
    again.look(at(hours=26))
    assert [text.splitlines()[1:] for text in hook.texts[1:]] == [
        ["Still: a batch is held: 12", "Still: full"],
        ["Solved: full (since 2026-11-30T12:00 UTC)"],
    ]
    assert hook.texts[2].startswith("*SendIt: 1 solved*")
    assert [alarm.text for alarm in again.view().alarms] == ["a batch is held: 12"]
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_what_grows_is_told_again_but_not_every_minute(hook: Webhook, tmp_path: Path) -> None:
    """At most each hour."""
    planted, told = Planted(), []
    one = keeper(tmp_path, planted, **hooks(hook))
    for minute in range(0, 200, 5):
        planted.found = {"Failed": [Condition("Failed:a:FAILED", f"{minute + 1} batches", minute + 1)]}
        before = len(hook.bodies)
        one.look(at(minutes=minute))
        told += [minute] * (len(hook.bodies) - before)
    assert told == [0, 60, 120, 180]


def test_patience(hook: Webhook, tmp_path: Path) -> None:
    """What is over before its time is never told, nor that it is over."""
    planted = Planted()
    one = keeper(tmp_path, planted, **hooks(hook))
    down = [Condition("Destination:peer", "peer is unreachable", 1, timedelta(minutes=10))]
    for minutes, found in ((0, down), (9, down), (10, []), (11, down), (20, down)):
        planted.found = {"Destination": found}
        one.look(at(minutes=minutes))
    assert hook.bodies == []
    assert [(alarm.since, alarm.told) for alarm in one.view().alarms] == [(at(minutes=11), None)]
    one.look(at(minutes=21))
    assert len(hook.bodies) == 1
    assert [(alarm.kind, alarm.told) for alarm in one.view().alarms] == [("Destination", at(minutes=21))]


def test_what_is_not_known_is_not_over(hook: Webhook, tmp_path: Path) -> None:
    """A journal that does not answer solves nothing."""
    planted = Planted()
    one = keeper(tmp_path, planted, **hooks(hook))
    for found in ([Condition("Held:a:size", "held")], None, [Condition("Held:a:size", "held")]):
        planted.found = {"Held": found}
        one.look(NOON)
    assert len(hook.bodies) == 1


def test_a_broken_channel_gets_its_messages_later_and_delays_no_other(tmp_path: Path, caplog: Any) -> None:
    """In their order; also after a restart. The log has the problem once, without the address."""
    planted = Planted()
    with Webhook() as good, Webhook() as bad:
        bad.status = 500
        one = keeper(tmp_path, planted, **hooks(bad, good))
        for number in (1, 2):
            planted.found = {"Fault": [Condition(f"Fault:{number}", f"fault {number}")]}
            one.look(at(minutes=number))
        assert (len(good.bodies), bad.bodies) == (2, [])
        [first, second] = one.view().channels
        assert (first.channel, first.to, first.waiting) == ("SendIt.Alarms.Webhooks[0]", "Webhook at 127.0.0.1", 2)
        assert first.problem == "SendIt.Alarms.Webhooks[0] answered with status 500"
        assert (second.waiting, second.problem) == (0, "")
        assert [r.message for r in caplog.records] == [
            "an alarm could not be sent, and will be tried again: SendIt.Alarms.Webhooks[0] answered with status 500"
        ]
        bad.status = 200
        keeper(tmp_path, planted, **hooks(bad, good)).look(at(minutes=3))
        assert bad.texts == good.texts
        assert len(good.bodies) == 2
    assert "T0K3N" not in caplog.text


def test_the_daily_summary(hook: Webhook, tmp_path: Path) -> None:
    """Once a day at its time, not at the first start after it, and with what is open."""
    planted = Planted()
    keys = {**hooks(hook), "DailySummary": "07:00"}
    one = keeper(tmp_path, planted, **keys)
    one.look(NOON)
    one.look(at(hours=18))
    assert hook.bodies == []
    planted.found = {"Held": [Condition("Held:a:size", "a batch is held")]}
    for hours in (19, 19.5, 20):
        keeper(tmp_path, planted, **keys).look(at(hours=hours))
    assert hook.texts[1] == "*SendIt: summary*\nsummary of 01\nOpen: a batch is held"
    last = keeper(tmp_path, planted, **keys).view()
    assert (last.summary, last.summary_at) == ("summary of 01\nOpen: a batch is held", at(hours=19))
    assert len(hook.bodies) == 2


def test_a_damaged_state_is_no_end(hook: Webhook, tmp_path: Path, caplog: Any) -> None:
    """It is told anew."""
    (tmp_path / FILE).write_text("{")
    planted = Planted()
    planted.found = {"Disk": [Condition("Disk:", "full")]}
    keeper(tmp_path, planted, **hooks(hook)).look(NOON)
    assert len(hook.bodies) == 1
    assert "cannot be read" in caplog.text


Usage = namedtuple("Usage", "total used free")


def conditions(
    journal: Journal, folder: Path, orthanc: OrthancConfig | None = None, faults: list[str] | None = None, **keys: Any
) -> tuple[Conditions, dict[str, Answer]]:
    """Conditions above a real journal; and the destinations that are down, to be changed."""
    down: dict[str, Answer] = {}
    settings = SimpleNamespace(data_directory=folder, projects={"irb": SimpleNamespace(variants={})})
    services = SimpleNamespace(journal=journal, settings=settings, scheduler=SimpleNamespace(executor="here-0"))
    states = SimpleNamespace(down=lambda: down)
    alarms = Alarms.model_validate({"Webhooks": [{"Url": "http://127.0.0.1:1/"}], **keys})
    looks = Conditions(
        cast("Any", services), cast("Any", states), orthanc or OrthancConfig({}), alarms, lambda: faults or []
    )
    return looks, down


def texts(looks: Conditions, kind: Kind, memory: dict[str, str] | None = None) -> list[str]:
    found = looks.now({} if memory is None else memory)[kind]
    assert found is not None
    return [one.text for one in found]


def lines(hook: Webhook, word: str) -> list[str]:
    return [line for text in hook.texts for line in text.splitlines() if line.startswith(f"{word}: ")]


def test_one_alarm_of_each_kind(
    journal: Journal, hook: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All at the same time: each is told once while it lasts, also after a restart, and once when it is over."""
    work(journal)
    faults, free = ["reconciliation: Orthanc does not answer"], [1e9]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, free[0]))
    looks, down = conditions(journal, tmp_path, faults=faults, SigningKeyDays=100, IdleHours=1e-9)
    down["peer"] = Answer(UNREACHABLE, "connection refused")
    made = (datetime.now(UTC) - timedelta(days=80)).strftime("%Y-%m-%dT%H:%M:%SZ")
    journal.passports.add_key("irb", PublicKey(1, "0" * 64, made, ""), "system", "")
    waiting = journal.intake.queue("waits", "irb", ["w1"], "x")
    assert waiting is not None
    with journal.engine.begin() as c:
        c.execute(sa.update(t.deliveries).values(state="VERIFIED"))
        held = c.execute(sa.select(sa.func.min(t.batches.c.id)).where(t.batches.c.state == "DONE")).scalar_one()
        reason = "1 of 3 instances are held: the leak check failed"
        c.execute(sa.update(t.batches).where(t.batches.c.id == held).values(state="QUARANTINED", reason=reason))

    one = keeper(tmp_path, looks, **hooks(hook))
    for minutes in (0, 1, 5, 15, 600):
        one.look(at(minutes=minutes))
    again = keeper(tmp_path, looks, **hooks(hook))
    again.look(at(minutes=601))
    assert sorted(alarm.kind for alarm in again.view().alarms if alarm.told) == sorted(get_args(Kind))
    assert sorted(lines(hook, "Problem")) == sorted(f"Problem: {alarm.text}" for alarm in again.view().alarms)
    assert (lines(hook, "Still"), lines(hook, "Solved")) == ([], [])

    faults.clear()
    down.clear()
    free[0] = 1e12
    journal.passports.add_key(
        "irb", PublicKey(2, "1" * 64, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", ""), "system", ""
    )
    journal.batches.begin(waiting, 1)
    journal.batches.reject(waiting, 1, "no image")
    journal.batches.conclude(waiting, 1, [])
    for group in journal.acknowledgements.waiting():
        for batch_id in group.batches:
            journal.acknowledgements.acknowledge_batch(batch_id, "cli:ada", "seen")
    for minutes in (602, 603, 700):
        again.look(at(minutes=minutes))
    assert (len(lines(hook, "Problem")), len(lines(hook, "Solved"))) == (len(get_args(Kind)), len(get_args(Kind)))
    assert (lines(hook, "Still"), list(again.view().alarms)) == ([], [])


def test_batches_that_are_held_or_failed(journal: Journal, tmp_path: Path) -> None:
    """Grouped by project and kind, without the words of their reasons; gone once acknowledged."""
    work(journal)
    looks, _ = conditions(journal, tmp_path)
    with journal.engine.begin() as c:
        ids = list(c.execute(sa.select(t.batches.c.id).order_by(t.batches.c.id)).scalars())[2:5]
        secret = "2 of 3 instances are held: the leak check failed: Müller"
        c.execute(sa.update(t.batches).where(t.batches.c.id.in_(ids)).values(state="QUARANTINED", reason=secret))
    assert texts(looks, "Held") == [f"3 batches of project irb are held (leak check): {', '.join(map(str, ids))}"]
    assert len(texts(looks, "Failed")) == 1
    for batch_id in ids:
        journal.acknowledgements.acknowledge_batch(batch_id, "cli:ada", "seen")
    assert texts(looks, "Held") == []


def test_only_one_worker_tells_of_a_shared_journal(journal: Journal, tmp_path: Path) -> None:
    """The one whose name comes first among those that live."""
    work(journal)
    looks, _ = conditions(journal, tmp_path)
    journal.facts.beat("there-0")
    assert looks.now({})["Failed"]
    journal.facts.beat("a-0")
    found = looks.now({})
    assert (found["Failed"], found["Held"], found["Idle"]) == (None, None, None)
    assert found["Disk"] == []


def test_destinations_disk_and_faults(journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with its limit."""
    looks, down = conditions(journal, tmp_path, faults=["reconciliation: Orthanc does not answer"], DiskGigabytes=2)
    down["peer"] = Answer(UNREACHABLE, "connection refused")
    assert texts(looks, "Destination") == ["destination peer is unreachable: connection refused"]
    found = looks.now({})["Destination"]
    assert found is not None
    assert found[0].patience == timedelta(minutes=10)
    assert texts(looks, "Fault") == ["SendIt cannot work as it should: reconciliation: Orthanc does not answer"]
    for free, expected in ((2.1e9, []), (1.5e9, ["the disk of SendIt.DataDirectory has 1.5 GB left"])):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: Usage(1, 1, free))
        assert texts(looks, "Disk") == expected


def test_nothing_moves(journal: Journal, tmp_path: Path) -> None:
    """Told if something waits, nothing holds it, and nothing has come to an end for long."""
    looks, _ = conditions(journal, tmp_path)
    work(journal)
    with journal.engine.begin() as c:
        c.execute(sa.update(t.deliveries).values(state="VERIFIED"))
    batch_id = journal.intake.queue("waits", "irb", ["w1"], "x")
    assert batch_id is not None
    memory: dict[str, str] = {}

    def idle_since(hours: float) -> list[str]:
        memory["moved"] = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
        return texts(looks, "Idle", memory)

    assert texts(looks, "Idle", memory) == []
    assert idle_since(5.9) == []
    assert re.fullmatch(r"nothing was .* something waits: 1 batch to be de-identified", idle_since(6.1)[0])
    journal.pauses.begin(Paused.PROJECT, "irb", "cli:ada", "")
    assert idle_since(7) == []
    journal.pauses.end(Paused.PROJECT, "irb", "cli:ada", "")
    assert idle_since(7) != []
    journal.batches.begin(batch_id, 1)
    assert idle_since(7) != []
    journal.batches.reject(batch_id, 1, "no image")
    assert idle_since(7) == []  # it has moved
    assert idle_since(7) != []


def test_certificates_and_signing_keys(journal: Journal, tmp_path: Path) -> None:
    """Orthanc's own, those of peers, and keys that are used for longer than allowed."""
    certificate = Authority(tmp_path, "authority").issue("orthanc")
    orthanc = OrthancConfig.read({
        "SslEnabled": True, "SslCertificate": str(certificate.joined()),
        "DicomTlsCertificate": str(certificate.certificate),
        "OrthancPeers": {"peer": {"Url": "https://peer/", "CertificateFile": str(certificate.certificate)}},
    })  # fmt: skip
    made = (datetime.now(UTC) - timedelta(days=80)).strftime("%Y-%m-%dT%H:%M:%SZ")
    journal.passports.add_key("irb", PublicKey(1, "0" * 64, made, ""), "system", "")
    looks, _ = conditions(journal, tmp_path, orthanc, SigningKeyDays=100)
    found = texts(looks, "Expiry")
    assert [re.sub(r"\d{4}-\d\d-\d\d", "DAY", text) for text in found] == [
        "the certificate of SslCertificate expires on DAY",
        "the certificate of OrthancPeers.peer expires on DAY",
        "the certificate of DicomTlsCertificate expires on DAY",
        "the signing key of project irb is of DAY, and is to be rotated",
    ]
    later, _ = conditions(journal, tmp_path, orthanc, SigningKeyDays=200, ExpiryDays=1)
    assert texts(later, "Expiry") == []
    broken, _ = conditions(journal, tmp_path, OrthancConfig({}, ssl_enabled=True, ssl_certificate="/nowhere"))
    assert texts(broken, "Expiry") == [
        "the certificate of SslCertificate cannot be read: its file is missing or damaged"
    ]


def test_what_cannot_be_looked_for_hides_nothing_else(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """One kind fails; the others are told."""
    looks, down = conditions(journal, tmp_path)
    down["peer"] = Answer(UNREACHABLE, "connection refused")
    monkeypatch.setattr(journal.acknowledgements, "waiting", lambda: [][0])
    found = looks.now({})
    assert (found["Held"], found["Failed"]) == (None, None)
    assert found["Destination"]
    assert "alarms of the kind Held cannot be checked" in caplog.text


def test_only_what_is_asked_for(journal: Journal, tmp_path: Path) -> None:
    """`On` chooses the kinds; each of them has a function."""
    looks, _ = conditions(journal, tmp_path, On=["Disk", "Idle"])
    assert set(looks.now({})) == {"Disk", "Idle"}
    everything, _ = conditions(journal, tmp_path)
    assert set(everything.now({})) == set(get_args(Kind))


def test_the_words_of_the_summary(journal: Journal, tmp_path: Path) -> None:
    work(journal)
    with journal.engine.connect() as c:
        [size] = c.execute(sa.select(sa.func.sum(t.totals.c.size)).where(t.totals.c.destination == "")).scalars()
    text = summary(journal, tmp_path, datetime.now(UTC) + timedelta(days=1))
    assert re.search(r"- irb: \d studies, \d images, 0\.00 GB", text)
    assert size > 0
    assert "not acknowledged: 1." in text
    assert "- nothing" in summary(journal, tmp_path, NOON)


def test_a_card_for_teams(tmp_path: Path) -> None:
    with Webhook() as hook:
        alarms = {"Webhooks": [{"Url": hook.url, "Format": "Teams", "Headers": {"X-Key": "k"}}]}
        [(name, problem)] = keeper(tmp_path, Planted(), **alarms).test()
    [body] = hook.bodies
    card = body["attachments"][0]["content"]
    assert (name, problem, body["type"], card["type"]) == ("SendIt.Alarms.Webhooks[0]", "", "message", "AdaptiveCard")
    assert [block["text"] for block in card["body"]] == [
        "SendIt: test", "This is a test of SendIt's alarms. Nothing is wrong."
    ]  # fmt: skip
    assert hook.headers[0]["X-Key"] == "k"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("mail"), "authority")


def mail(server: MailServer, authority: Authority, **keys: Any) -> dict[str, Any]:
    kept = {
        "Host": "127.0.0.1",
        "Port": server.port,
        "From": "sendit@hospital.example",
        "To": ["a@x.example", "b@x.example"],
    }
    return {"Email": {**kept, "CertificateAuthority": str(authority.certificate), "Timeout": 5, **keys}}


@pytest.mark.parametrize("security", ["StartTls", "Tls"])
def test_mail(authority: Authority, tmp_path: Path, security: str) -> None:
    """Encrypted, authenticated, with its headers."""
    certificate = authority.issue(security)
    planted = Planted()
    planted.found = {"Disk": [Condition("Disk:", "the disk has 1 GB left")]}
    with MailServer(certificate, tls=security == "Tls", password="s3cret") as server:
        keys = mail(server, authority, Security=security, Username="sendit", Password="s3cret")
        keeper(tmp_path, planted, **keys).look(NOON)
    [message] = server.messages
    assert server.encrypted == [True]
    assert (message["Subject"], message["To"]) == ("SendIt: 1 problem", "a@x.example, b@x.example")
    assert message.get_content().splitlines() == ["Problem: the disk has 1 GB left"]
    assert message["Auto-Submitted"] == "auto-generated"


def test_mail_that_cannot_be_sent(authority: Authority, tmp_path: Path) -> None:
    """Each fault in words, without the password."""
    certificate = authority.issue("wrong")
    stranger = Authority(tmp_path, "stranger")
    signed_in = {"Username": "sendit", "Password": "wr0ng"}

    def fault(server: MailServer, by: Authority, **keys: Any) -> str:
        [(_, problem)] = keeper(tmp_path, Planted(), **mail(server, by, **keys)).test()
        assert "wr0ng" not in problem
        return problem.removeprefix("SendIt.Alarms.Email: the mail server 127.0.0.1 ")

    with MailServer(certificate, password="right") as server:
        assert fault(server, authority, **signed_in) == "refuses the user name or the password"
        assert fault(server, authority) == "refuses the message (code 530)"
        assert fault(server, stranger) == "shows a certificate that is not trusted, or none"
    with MailServer() as plain:
        assert fault(plain, authority) == "offers no encryption, or no authentication"
        assert plain.messages == []
        assert fault(plain, authority, Security="None") == ""
    assert fault(plain, authority).startswith("cannot be reached")


def test_a_webhook_that_cannot_be_reached(tmp_path: Path) -> None:
    """Its address, which may hold a token, is not in the error."""
    alarms = Alarms.model_validate({"Webhooks": [{"Url": f"http://127.0.0.1:{free_port()}/T0K3N"}]})
    with pytest.raises(Retry, match=r"^SendIt\.Alarms\.Webhooks\[0\] cannot be reached: connection refused$"):
        channels_of(alarms)[0].send("subject", "text")


@pytest.mark.parametrize(
    ("section", "place"),
    [
        ({}, "SendIt.Alarms"),
        ({"Webhook": []}, "SendIt.Alarms.Webhook"),
        ({"Webhooks": [{"Url": "ftp://x"}]}, "SendIt.Alarms.Webhooks[0].Url"),
        ({"Email": {"Host": "x", "From": "a@b", "To": []}}, "SendIt.Alarms.Email.To"),
        ({"Email": {"Host": "x", "From": "a@b", "To": ["a b@c"]}}, "SendIt.Alarms.Email.To[0]"),
        ({"Email": {"Host": "x", "From": "a@b", "To": ["a@c"], "Username": "u"}}, "SendIt.Alarms.Email"),
        (
            {
                "Email": {
                    "Host": "x",
                    "From": "a@b",
                    "To": ["a@c"],
                    "Username": "u",
                    "Password": "p",
                    "Security": "None",
                }
            },
            "SendIt.Alarms.Email",
        ),
        ({"Webhooks": [{"Url": "http://x/"}], "On": ["Everything"]}, "SendIt.Alarms.On[0]"),
        ({"Webhooks": [{"Url": "http://x/"}], "DailySummary": "7:00"}, "SendIt.Alarms.DailySummary"),
    ],
)
def test_what_is_refused(section: dict[str, Any], place: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        load({"SendIt": {"Alarms": section}})
    assert caught.value.place == place


def test_no_token_is_shown() -> None:
    """Of a webhook only the host."""
    settings, _ = load({"SendIt": {"Alarms": {"Webhooks": [{"Url": "https://hooks.example/services/T0K3N?x=T0K3N"}]}}})
    shown = json.dumps(masked_section(settings)["Alarms"])
    assert "T0K3N" not in shown
    assert "https://hooks.example/***" in shown
