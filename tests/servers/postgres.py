"""A PostgreSQL server of the tests' own: apt's binaries, a private port on loopback, a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg

from tests.servers.ports import free_port
from tests.servers.waiting import wait_for


def _binaries() -> Path:
    """The newest PostgreSQL that Debian installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: float(p.parts[4]))
    if not found:
        raise RuntimeError("PostgreSQL is not installed: make setup-test")
    return found[-1].parent


class PostgresServer:
    """One cluster; `database()` makes an empty database in it."""

    def __init__(self, kept: Path | None = None) -> None:
        """Take a folder that stays, for the next server to go on in; or make one that goes with this one."""
        self._kept = kept is not None
        self._folder = kept or Path(tempfile.mkdtemp(prefix="sendit-postgres-"))
        self._folder.mkdir(mode=0o700, exist_ok=True)
        # PostgreSQL refuses to run as root, and its own user must be able to reach the folder.
        self._as: list[str] = []
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            self._as = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"]
        self.port = free_port()
        self._count = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> PostgresServer:
        data = self._folder / "data"
        if data.exists():
            self._run()
            return self
        options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", "--locale=C.UTF-8"]
        command = [*self._as, str(_binaries() / "initdb"), "-D", str(data), *options]
        subprocess.run(command, check=True, capture_output=True, cwd="/")
        self._run()
        return self

    def _run(self) -> None:
        data, log = self._folder / "data", self._folder / "log"
        settings = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off".split()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*self._as, str(_binaries() / "postgres"), "-D", str(data), *settings],
                stdout=output,
                stderr=output,
                cwd="/",
            )
        wait_for(self._answers, f"PostgreSQL on port {self.port}", limit=30)

    @property
    def pid(self) -> int:
        """The process that all others are below."""
        if self._process is None:
            raise RuntimeError("the server was not started")
        return self._process.pid

    def kill(self) -> None:
        """SIGQUIT: all of its processes end at once, and the next start recovers from the log."""
        self._end(signal.SIGQUIT)

    def halt(self) -> None:
        """SIGINT: clients are thrown out, and what is in memory is written."""
        self._end(signal.SIGINT)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(30)

    def ensure(self) -> None:
        """Start it again if it does not run."""
        if self._process is None or self._process.poll() is not None:
            self._run()

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def database(self, encoding: str = "UTF8", name: str = "") -> str:
        """The URL of a new, empty database; of one that is there, if it is named."""
        self._count += 1
        name = name or f"test{self._count}"
        locale = "" if encoding == "UTF8" else "LC_COLLATE 'C' LC_CTYPE 'C'"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                return self.url(name)
            statement = f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' {locale}"
            connection.execute(statement.encode())
        return self.url(name)

    def drop(self, name: str) -> None:
        """Drop a database that nobody is connected to, if it is there."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name}".encode())

    def fill(self, url: str, template: str) -> None:
        """Make an empty database anew, as a copy of another one that nobody is connected to."""
        name = url.rpartition("/")[2]
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name}".encode())
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY WAL_LOG".encode())

    def stop(self) -> None:
        if self._process is not None:
            self._end(signal.SIGINT)  # "fast": do not wait for clients
        if not self._kept:
            shutil.rmtree(self._folder, ignore_errors=True)
