"""`make run`, `make up`, `make down`, `make status`. SENDIT_STATE names a folder for their data; default: var/."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from scripts.demo import cloud, samples
from scripts.demo.failure import Failure
from scripts.demo.journey import Outcome, put, studies_at, verify, verify_bucket, watch
from scripts.demo.ports import from_environment
from scripts.demo.screen import Screen
from scripts.demo.stack import ROOT, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(stack: Stack, screen: Screen) -> int:
    """Start, send the samples, show the table, serve until Ctrl-C. With ONESHOT=1: exit after the table.

    Servers that were running before (`make up`) are used, and go on.
    """
    started = stack.up(screen.say)
    try:
        good = _put_through(stack, screen)
        if os.environ.get("ONESHOT", "") in ("", "0"):
            screen.how_to_send(stack)
            if started:
                _serve(stack, screen)
        return 0 if good else 1
    finally:
        if started:
            for number in _STOP_SIGNALS:  # who presses Ctrl-C twice wants both stopped, not left behind
                signal.signal(number, signal.SIG_IGN)
            screen.say("\nStopping the servers; make up starts them again.")
            stack.down()
        else:
            screen.say("\nThe servers were running before and go on; make down stops them.")


def _put_through(stack: Stack, screen: Screen) -> bool:
    """Tell whether all samples were delivered and verified."""
    outcomes = [Outcome(sample) for sample in samples.make()]
    before, archives_before = studies_at(stack), cloud.archives(stack)
    screen.say("Putting sample studies through: by folder, REST and C-STORE; one has text burned into its pixels")
    with screen.progress(outcomes) as progress:
        for outcome in outcomes:
            put(outcome.sample, stack)
            progress.show()
        watch(outcomes, stack, progress.show)
    verify(outcomes, stack, before)
    verify_bucket(outcomes, stack, archives_before)
    screen.table(outcomes, stack)
    return all(outcome.good for outcome in outcomes)


def _serve(stack: Stack, screen: Screen) -> None:
    """Wait until interrupted, which is the orderly end; raise Failure if a server ends by itself."""
    try:
        screen.say("Serving until Ctrl-C.")
        while True:
            for server in stack.servers:
                server.must_run()
            time.sleep(0.5)
    except KeyboardInterrupt:
        pass


def up(stack: Stack, screen: Screen) -> int:
    """Start the same servers in the background; return when everything answers."""
    started = stack.up(screen.say)
    screen.say("Up:" if started else "Up already:")
    return status(stack, screen)


def down(stack: Stack, screen: Screen) -> int:
    """Stop them."""
    stopped = stack.down()
    screen.say(f"Stopped: {', '.join(server.name for server in stopped)}." if stopped else "Nothing was running.")
    return 0


def status(stack: Stack, screen: Screen) -> int:
    """Show which servers run; exit code 0 if everything answers."""
    for server in stack.servers:
        pid = server.pid()
        screen.say(f"  {server.name:9} {f'{server.url}  (process {pid})' if pid else 'not running'}")
    health = stack.health() if stack.source.pid() else "not running"
    screen.say(f"  SendIt    {f'{stack.source.url}/sendit/' if health == 'ok' else health}")
    return 0 if health == "ok" and all(server.pid() for server in stack.servers) else 1


@contextmanager
def _own_foreground() -> Iterator[None]:
    """Ctrl-C reaches this process and not the `make` around it, which would call an orderly end an error.

    For that it becomes the terminal's foreground process group. Where it is not in the foreground, nothing changes.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        yield
        return
    before = os.tcgetpgrp(terminal)
    if before != os.getpgrp() or before == os.getpid():
        os.close(terminal)
        yield
        return
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # to give the terminal back, from the background
    signal.signal(
        signal.SIGTSTP, signal.SIG_IGN
    )  # stopped by Ctrl-Z, it would leave make waiting and nobody to wake it
    os.setpgid(0, 0)
    os.tcsetpgrp(terminal, os.getpgrp())
    try:
        yield
    finally:
        os.tcsetpgrp(terminal, before)
        os.close(terminal)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.demo")
    commands = {"run": run, "up": up, "down": down, "status": status}
    parser.add_argument("command", choices=commands)
    command = commands[parser.parse_args().command]
    screen = Screen()
    state = Path(os.environ.get("SENDIT_STATE") or ROOT / "var").resolve()
    for number in _STOP_SIGNALS:
        signal.signal(number, _interrupt)
    try:
        with _own_foreground():
            return command(Stack(from_environment(os.environ), state), screen)
    except Failure as failure:
        print(f"\n{failure}", file=sys.stderr)
    except requests.RequestException as error:
        print(f"\na server did not answer as it should: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main())
