"""A mail server that keeps what it gets: SMTP with STARTTLS or TLS from the beginning, and AUTH PLAIN."""

from __future__ import annotations

import base64
import contextlib
import email
import email.policy
import socketserver
import ssl
from typing import TYPE_CHECKING, cast

from tests.servers.serving import ServerInThread

if TYPE_CHECKING:
    import socket
    from email.message import EmailMessage

    from tests.servers.certificates import Certificate


class MailServer(ServerInThread):
    """A context manager. Without a certificate it offers no encryption, without a password no authentication."""

    def __init__(self, certificate: Certificate | None = None, *, tls: bool = False, password: str = "") -> None:
        self.messages: list[EmailMessage] = []
        self.encrypted: list[bool] = []
        self.password = password
        self.context: ssl.SSLContext | None = None
        if certificate is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate.certificate, certificate.key)
        self.tls = tls
        mail = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):  # the client ends the connection as it likes
                    _Conversation(mail, self.request).run()

        socketserver.ThreadingTCPServer.daemon_threads = True
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])


class _Conversation:
    def __init__(self, server: MailServer, connection: object) -> None:
        self._server = server
        self._encrypted = server.tls
        self._known = not server.password
        self._connect(connection, encrypt=server.tls)

    def _connect(self, connection: object, *, encrypt: bool) -> None:
        plain = cast("socket.socket", connection)
        if encrypt:
            assert self._server.context is not None
            plain = self._server.context.wrap_socket(plain, server_side=True)
        self._socket = plain
        self._lines = plain.makefile("rb")

    def run(self) -> None:
        self._say("220 mail.test ESMTP")
        while line := self._lines.readline():
            word, _, rest = line.decode().strip().partition(" ")
            if not self._answer(word.upper(), rest):
                return

    def _say(self, *lines: str) -> None:
        self._socket.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def _answer(self, word: str, rest: str) -> bool:
        if word == "EHLO":
            offers = ["STARTTLS"] if self._server.context is not None and not self._encrypted else []
            offers += ["AUTH PLAIN"] if self._server.password else []
            self._say("250-mail.test", *(f"250-{one}" for one in offers), "250 8BITMIME")
        elif word == "STARTTLS":
            self._say("220 go ahead")
            self._connect(self._socket, encrypt=True)
            self._encrypted = True
        elif word == "AUTH":
            given = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")[-1]
            self._known = given == self._server.password
            self._say("235 yes" if self._known else "535 no")
        elif word == "MAIL" and not self._known:
            self._say("530 authentication required")
        elif word == "DATA":
            self._say("354 go ahead")
            self._take()
        elif word == "QUIT":
            self._say("221 bye")
            return False
        else:
            self._say("250 ok")
        return True

    def _take(self) -> None:
        lines = []
        while (line := self._lines.readline()) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        self._server.messages.append(message)
        self._server.encrypted.append(self._encrypted)
        self._say("250 taken")
