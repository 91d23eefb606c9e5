"""How a message reaches persons: webhooks that take JSON, and mail."""

from __future__ import annotations

import smtplib
import ssl
from abc import ABC, abstractmethod
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from sendit.errors import Misconfigured, Retry
from sendit.http import Adapter, read_authority, why_no_answer

if TYPE_CHECKING:
    from pathlib import Path

    from sendit.config.alarms import Alarms, Email, Webhook

_PLACE = "SendIt.Alarms"


class Channel(ABC):
    """One way to persons.

    Attributes:
        name: its place in the configuration.
        to: whom it tells, in words, without a token.
    """

    name: str
    to: str

    @abstractmethod
    def send(self, subject: str, text: str) -> None:
        """Send a message.

        Raises:
            Retry: it could not be sent for now.
            Misconfigured: a file with authorities cannot be read.
        """


def channels_of(alarms: Alarms) -> list[Channel]:
    """Return all that are configured."""
    hooks = [WebhookChannel(f"{_PLACE}.Webhooks[{number}]", one) for number, one in enumerate(alarms.webhooks)]
    return [*hooks, *([MailChannel(f"{_PLACE}.Email", alarms.email)] if alarms.email is not None else [])]


class WebhookChannel(Channel):
    """A webhook. Its address may contain a token: no error names it."""

    def __init__(self, name: str, settings: Webhook) -> None:
        self.name = name
        self.to = f"Webhook at {urlsplit(settings.url).hostname}"
        self._settings = settings

    def send(self, subject: str, text: str) -> None:
        """See `Channel`."""
        authority = self._settings.certificate_authority
        context = read_authority(str(authority), f"{self.name}.CertificateAuthority") if authority else None
        body = slack(subject, text) if self._settings.format == "Slack" else teams(subject, text)
        with requests.Session() as session:
            session.trust_env = False
            for scheme in ("http://", "https://"):
                session.mount(scheme, Adapter(self._settings.timeout, context))
            try:
                answer = session.post(
                    self._settings.url, json=body, headers=self._settings.headers, allow_redirects=False
                )
            except requests.exceptions.SSLError:
                raise Retry(f"{self.name}: its certificate is not trusted") from None
            except (requests.RequestException, OSError) as error:
                raise Retry(f"{self.name} {why_no_answer(error, self._settings.timeout)}") from None
        if not 200 <= answer.status_code < 300:
            raise Retry(f"{self.name} answered with status {answer.status_code}")


def slack(subject: str, text: str) -> dict[str, Any]:
    """Return a message as Slack, Mattermost and Rocket.Chat take it."""
    body = f"*{subject}*\n{text}"
    return {"text": body.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}


def teams(subject: str, text: str) -> dict[str, Any]:
    """Return a message as a workflow of Teams takes it: an adaptive card."""
    blocks: list[dict[str, Any]] = [{"type": "TextBlock", "text": subject, "weight": "Bolder", "wrap": True}]
    blocks += [{"type": "TextBlock", "text": line, "wrap": True, "spacing": "Small"} for line in text.splitlines()]
    schema = "http://adaptivecards.io/schemas/adaptive-card.json"
    card = {"$schema": schema, "type": "AdaptiveCard", "version": "1.4", "body": blocks}
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attachment]}


class MailChannel(Channel):
    """A mail server."""

    def __init__(self, name: str, settings: Email) -> None:
        self.name = name
        self.to = ", ".join(settings.to)
        self._settings = settings

    def send(self, subject: str, text: str) -> None:
        """See `Channel`."""
        message = EmailMessage()
        message["Subject"], message["From"], message["To"] = (
            subject,
            self._settings.sender,
            ", ".join(self._settings.to),
        )
        message["Date"], message["Message-ID"] = (
            formatdate(),
            make_msgid(domain=self._settings.sender.partition("@")[2]),
        )
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        server = f"{self.name}: the mail server {self._settings.host}"
        try:
            with self._connected() as connection:
                connection.send_message(message)
        except ssl.SSLError:
            raise Retry(f"{server} shows a certificate that is not trusted, or none") from None
        except smtplib.SMTPAuthenticationError:
            raise Retry(f"{server} refuses the user name or the password") from None
        except smtplib.SMTPNotSupportedError:
            raise Retry(f"{server} offers no encryption, or no authentication") from None
        except smtplib.SMTPResponseException as error:
            raise Retry(f"{server} refuses the message (code {error.smtp_code})") from None
        except (smtplib.SMTPException, OSError) as error:
            raise Retry(f"{server} cannot be reached, or ended the connection ({type(error).__name__})") from None

    def _connected(self) -> smtplib.SMTP:
        """Return a connection that is encrypted and authenticated as configured."""
        s = self._settings
        context = _context(s.certificate_authority, f"{self.name}.CertificateAuthority")
        connection: smtplib.SMTP
        if s.security == "Tls":
            connection = smtplib.SMTP_SSL(s.host, s.port, timeout=s.timeout, context=context)
        else:
            connection = smtplib.SMTP(s.host, s.port, timeout=s.timeout)
        try:
            if s.security == "StartTls":
                connection.starttls(context=context)
            if s.username is not None and s.password is not None:
                connection.login(s.username, s.password)
        except BaseException:
            connection.close()
            raise
        return connection


def _context(authority: Path | None, place: str) -> ssl.SSLContext:
    return ssl.create_default_context() if authority is None else read_authority(str(authority), place)


def problem_of(channel: Channel, subject: str, text: str) -> str:
    """Send a message; return why it could not be sent, "" if it was."""
    try:
        channel.send(subject, text)
    except (Retry, Misconfigured) as error:
        return str(error)
    return ""
