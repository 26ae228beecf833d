"""One store's life: a proxy that is killed again and again, and the looks at what it leaves."""

import asyncio
import dataclasses
import os
import pathlib
import random
import struct
import time

import calls
import damage
import load
import moments
import proxy
import records
import routes
import table
import upstream

STORE_KEY = "canary-store-key-0123456789abcdef"
UNREADABLE = (table.Unreadable, OSError, IndexError, ValueError, StopIteration, struct.error)
QUIET_EVERY = 25  # kills
LOOK_EVERY = 6
LOOK_AFTER = ("part", "client_part")
ASKED_AGAIN = 60  # calls, of those that were settled last, whenever it is quiet


@dataclasses.dataclass(frozen=True)
class Setup:
    binary: pathlib.Path
    folder: pathlib.Path
    seed: str
    encrypted: bool
    library: pathlib.Path | None  # of hold_writes.cc: kills are losses of power
    kills: int
    seconds: float
    broken: str | None


class Round:
    def __init__(self, setup, book):
        self._setup = setup
        self._book = book
        self._kills = 0
        self._began = time.monotonic()
        self._before = None  # the last look at the store
        self._boot = self._rng("boot")
        rng = self._rng("principals")
        self._principals = [
            calls.Principal(
                name,
                f"Bearer canary-token-{name}-{rng.randrange(1 << 60):x}",
                f"session=canary-cookie-{rng.randrange(1 << 60):x}",
            )
            for name in ("ann", "bob", "eve")
        ]

    def _rng(self, what):
        return random.Random(f"{self._setup.seed}/{what}")

    async def run(self):
        setup = self._setup
        listen, *others = proxy.free_ports(3)
        environment = dict(os.environ, **{routes.KEY_VARIABLE: STORE_KEY})
        self._proxy = proxy.Proxy(setup.binary, setup.folder, listen, environment)
        if setup.library is not None:
            self._proxy.lose_unsynced(setup.library, setup.broken == "disk")
        self._moments = moments.Moments(self._rng("moments"), self._kill, self._proxy.drain)
        owners = {each.authorization: each.name for each in self._principals}
        above = upstream.Upstream(
            self._rng("upstream"), self._moments, self._book, routes.ROUTES, owners, setup.broken
        )
        ports = (listen, *others, await above.start())
        tried = list(routes.ROUTES.values())
        self._proxy.config.write_text(
            routes.configuration(
                self._rng("policies"),
                tried,
                ports,
                self._proxy.store,
                setup.encrypted,
                setup.broken,
            )
        )
        self._client = calls.Client(self._rng("client"), self._proxy, self._moments, self._book)
        self._client.acknowledged = above.acknowledged
        self._load = load.Load(
            self._rng("load"), self._client, above, self._principals, setup.seed, tried
        )
        canary = self._principals[0].authorization
        self._damage = damage.Damage(setup.broken, self._proxy.store, canary)
        self._load.start()
        try:
            await self._live()
        finally:
            self._kill()
            await self._load.stop()
            await above.stop()

    # ---- its life ----

    async def _live(self):
        while self._kills < self._setup.kills and self._left() > 0 and not self._noticed():
            point = self._moments.choose()
            if not await self._start(point):
                return
            came = point == "boot" or await self._moments.kill_at(point)
            self._book.count(f"kills at: {point if came else 'elsewhere'}")
            if not await self._after_kill(point):
                return
            if self._kills % QUIET_EVERY == 0 and not await self._quiet(ASKED_AGAIN):
                return
            self._load.raise_bugs()
        await self._quiet(len(self._load.settled))

    def _left(self):
        return self._setup.seconds - (time.monotonic() - self._began)

    def _noticed(self):
        way = self._setup.broken
        return way and any(self._book.violations[each] for each in damage.WAYS[way])

    async def _start(self, point):
        self._proxy.spawn()
        if point == "boot":
            await asyncio.sleep(self._boot.uniform(0, 0.08))
            self._kill()
            return True
        if await self._proxy.ready():
            return True
        return await self._died("while it started")

    def _kill(self):
        if self._proxy.kill():
            self._kills += 1
            self._book.count("kills")

    async def _after_kill(self, point):
        code = await self._proxy.gone()
        if code is not None:
            return await self._died(f"with code {code}")
        self._damage.strike()
        if self._kills % LOOK_EVERY == 0 or point in LOOK_AFTER:
            self._look(self._quick_look)
        return True

    async def _died(self, how):
        damaged = self._setup.broken in ("rot", "torn")
        self._book.violated("I9" if damaged else "I5", f"it died {how}: {self._proxy.tail()}")
        return False

    async def _quiet(self, number):
        """A time without kills, in which all has to come to its end; False: the round is over."""
        if not await self._start("any"):
            return False
        ended = asyncio.ensure_future(self._proxy.gone())
        calm = asyncio.ensure_future(self._be_quiet(number))
        await asyncio.wait((ended, calm), return_when=asyncio.FIRST_COMPLETED)
        if not calm.done():
            calm.cancel()
            return await self._died("by itself")
        calm.result()
        self._kill()
        code = await self._proxy.gone()
        if code is not None:
            return await self._died(f"with code {code}")
        self._look(self._quiet_look)
        self._load.resume()
        return True

    async def _be_quiet(self, number):
        await self._load.pause()
        self._book.count("quiet times")
        settled = self._load.settled[-number:]
        for at in range(0, len(settled), load.WORKERS):
            part = settled[at : at + load.WORKERS]
            await asyncio.gather(*(self._client.ask_again(each) for each in part))

    # ---- looks at what it leaves ----

    def _look(self, look):
        if (self._proxy.store / "state" / "CURRENT").exists():
            look()
            self._book.count("looks at the store: all")

    def _quick_look(self):
        if self._setup.encrypted:
            return
        try:
            now = records.Snapshot(self._proxy.store)
        except UNREADABLE as error:
            self._book.violated("I9", f"the store cannot be read: {error!r}")
            return
        for defect in now.defects():
            self._book.violated("I9", f"after kill {self._kills}: {defect}")
        for what, number in now.left_behind():
            self._book.count(f"left behind: {what}", number)
        if self._before is not None:
            for invariant, what in now.lost_since(self._before):
                self._book.violated(invariant, f"after kill {self._kills}: {what}")
        self._before = now

    def _quiet_look(self):
        self._quick_look()
        checked = self._proxy.command("store", "check")
        if checked.returncode != 0:
            self._book.violated("I9", f"store check: {checked.stdout}{checked.stderr}")
        self._grep()

    def _grep(self):
        secrets = [each.authorization.split()[-1] for each in self._principals]
        secrets += [each.cookie.partition("=")[2] for each in self._principals]
        secrets.append(STORE_KEY)
        in_store = [*secrets, "canary-key-", "canary-body"]
        if self._setup.encrypted:
            in_store += ["text-of-e", "chatcmpl-"]
        files = [path for path in self._proxy.store.rglob("*") if path.is_file()]
        for path, words in [*((each, in_store) for each in files), (self._proxy.log, secrets)]:
            content = path.read_bytes()
            for word in words:
                if word.encode() in content:
                    self._book.violated("I10", f"{path.name} has {word}")
