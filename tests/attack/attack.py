"""One attack: studies arrive while all is struck at random; after each round everything settles and is audited."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import requests

from tests.attack import journal_harm
from tests.attack.auditor import Audit
from tests.attack.patients import SentStudy, late_instance, make_study
from tests.attack.strikes import HARMS, KILLS, Strike
from tests.attack.world import PATIENCE, World, orphans
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers.postgres import PostgresServer

_STUDIES, _INSTANCES = 3, 4  # a round's
_STRIKES = 15  # a round's kills and stops
_HARM = 0.2  # how often something else is done than a kill or a stop


@dataclass
class Outcome:
    """What an attack came to. All but the counts of what was done should be 0 or empty."""

    seed: int
    database: str
    strikes: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    studies: int = 0
    instances: int = 0
    recalled: int = 0
    seconds: float = 0
    audit: Audit = field(default_factory=Audit)
    held: list[str] = field(default_factory=list)
    staged: int = 0
    orphans: int = 0

    @property
    def clean(self) -> bool:
        return self.audit.clean and not self.held and not self.staged and not self.orphans


class Attack:
    """`Attack(folder, 300, seed).run()`; `say` is told of each round."""

    def __init__(
        self, folder: Path, kills: int, seed: int, postgres: PostgresServer | None, say: Callable[[str], None] = print
    ) -> None:
        self._folder = folder
        self._kills = kills
        self._chance = random.Random(seed)
        self._say = say
        self._world = World(folder, postgres)
        self._studies: list[SentStudy] = []
        self._rounds = 0
        self._outcome = Outcome(seed, "PostgreSQL" if postgres else "SQLite")

    def run(self) -> Outcome:
        """Rounds until there were as many kills and stops as asked for; the last audit counts."""
        begun = time.monotonic()
        outcome, world = self._outcome, self._world
        try:
            world.start()
            while outcome.kills < self._kills:
                self._round()
                self._harm_journal()
                outcome.seconds = time.monotonic() - begun
                self._say(self._line())
            outcome.staged = len(world.stack.staged())
        finally:
            world.stop()
        self._count_orphans()
        shutil.rmtree(self._folder, ignore_errors=not outcome.clean)
        return outcome

    def _round(self) -> None:
        world, chance = self._world, self._chance
        first = len(self._studies)
        new = [make_study(number, _INSTANCES) for number in range(first, first + _STUDIES)]
        self._studies += new
        late = self._late()
        sender = world.sending(new)
        if first:
            self._withdraw()
        for _ in range(min(_STRIKES, self._kills - self._outcome.kills)):
            while chance.random() < _HARM:
                self._strike(HARMS)
            self._outcome.kills += self._strike(KILLS)
            if chance.random() < 0.7:  # else the next one strikes while this one is still felt
                world.up()
            time.sleep(chance.uniform(0, 1))
        world.up()
        if late is not None:
            world.send(late, [late_instance(late)])
        sender.join(PATIENCE)
        assert not sender.is_alive(), f"the studies could not be sent\n{world.stack.describe()}"
        world.settle(self._studies)
        self._look()

    def _look(self) -> None:
        outcome = self._outcome
        outcome.studies = len(self._studies)
        outcome.instances = sum(len(study.digests) for study in self._studies)
        outcome.recalled = sum(study.withdrawn for study in self._studies)
        outcome.audit = self._world.audit(self._studies)
        outcome.held = self._world.held(self._studies)

    def _strike(self, kind: dict[str, tuple[Strike, int]]) -> bool:
        """One of this kind, by chance; not counted if there was nothing to strike."""
        names = list(kind)
        [name] = self._chance.choices(names, [kind[name][1] for name in names])
        struck = kind[name][0](self._world, self._chance)
        self._outcome.strikes[name] += struck
        return struck

    def _harm_journal(self) -> None:
        """Every third round, between two rounds: the journal's file is damaged, emptied, or an old one is put back."""
        self._rounds += 1
        if self._world.postgres is not None:
            return
        able = journal_harm.can_accept(self._world)
        if self._rounds % 3 == 1 and able:
            journal_harm.backup(self._world)
        if self._rounds % 3:
            return
        ways = list(journal_harm.WAYS) if able else ["journal damaged"]
        name = ways[self._rounds // 3 % len(ways)]
        self._world.stack.source.stop(limit=30)
        journal_harm.WAYS[name](self._world, self._chance)
        self._outcome.strikes[name] += 1
        self._world.up()
        self._world.settle(self._studies)
        self._look()

    def _withdraw(self) -> None:
        """One study that has left is taken back while the next ones arrive."""
        old = [study for study in self._studies[:-_STUDIES] if not study.withdrawn]
        if old:
            wait_for(lambda: self._try_to_withdraw(self._chance.choice(old)), "a recall to be taken", limit=120)

    def _try_to_withdraw(self, study: SentStudy) -> bool:
        try:
            self._world.withdraw(study)
        except (requests.RequestException, StopIteration):
            study.withdrawn = False
            return False
        return True

    def _late(self) -> SentStudy | None:
        """A study of before, of which one more instance comes; of one that was withdrawn it may not leave."""
        return self._chance.choice(self._studies[:-_STUDIES]) if len(self._studies) > _STUDIES else None

    def _count_orphans(self) -> None:
        try:
            wait_for(lambda: not orphans(self._folder), "every process to be gone", limit=20)
        except AssertionError:
            self._outcome.orphans = len(orphans(self._folder))

    def _line(self) -> str:
        o = self._outcome
        wrong = "; ".join([*o.audit.words, *o.held])
        done = f"{o.kills} kills and stops, {sum(o.strikes.values())} strikes, {o.studies} studies, {o.seconds:.0f} s"
        return f"seed {o.seed}, {o.database}: {done}: " + (wrong or "nothing is wrong")
