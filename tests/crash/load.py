"""Clients at work: new calls, some of them by two at once, the same key of somebody else, and old
calls again."""

import asyncio

import calls

WORKERS = 10
REMEMBERED = 3000


class Load:
    def __init__(self, rng, client, upstream, principals, name, tried):
        self._rng = rng
        self._client = client
        self._upstream = upstream
        self._principals = principals
        self._name = name
        self._routes = tried
        self._number = 0
        self._flowing = asyncio.Event()
        self._busy = 0
        self._idle = asyncio.Event()
        self._workers = []
        self.settled = []
        self.open = set()

    def start(self):
        self._flowing.set()
        self._workers = [asyncio.ensure_future(self._work()) for _ in range(WORKERS)]

    async def stop(self):
        for worker in self._workers:
            worker.cancel()
        for ended in await asyncio.gather(*self._workers, return_exceptions=True):
            if isinstance(ended, Exception) and not isinstance(ended, asyncio.CancelledError):
                raise ended

    async def pause(self):
        """Until every call that was begun has its last word."""
        self._flowing.clear()
        while self._busy > 0:
            self._idle.clear()
            await self._idle.wait()
            self.raise_bugs()

    def resume(self):
        self._flowing.set()

    def raise_bugs(self):
        for worker in self._workers:
            if worker.done() and not worker.cancelled() and worker.exception() is not None:
                raise worker.exception()

    async def _work(self):
        while True:
            await self._flowing.wait()
            self._busy += 1
            try:
                await self._act()
            finally:
                self._busy -= 1
                self._idle.set()
            await asyncio.sleep(self._rng.uniform(0, 0.004))

    async def _act(self):
        dice = self._rng.random()
        if dice < 0.70 or not self.settled:
            await self._begin()
        elif dice < 0.95:
            await self._client.ask_again(self._rng.choice(self.settled))
        else:
            call = self._rng.choice(self.settled)
            if not call.route.brief:
                await self._client.ask_for_another(call)

    def _new_call(self):
        weights = [each.weight for each in self._routes]
        route = self._rng.choices(self._routes, weights)[0]
        self._number += 1
        name = f"{route.name}-{self._number}"
        key = f"canary-key-{self._name}-{self._number}"
        principal = self._rng.choice(self._principals)
        return calls.Call(name, route, self._rng.choice(route.kinds), principal, key)

    async def _begin(self):
        call = self._new_call()
        together = [call]
        if self._rng.random() < 0.06:
            other = next(each for each in self._principals if each is not call.principal)
            together.append(calls.Call(call.name, call.route, call.kind, other, call.key))
        for each in together:
            self._upstream.histories[each.identity] = each.history
            self.open.add(each)
        twins = 2 if self._rng.random() < 0.15 else 1
        await asyncio.gather(*(self._client.settle(each) for each in together * twins))
        for each in together:
            self.open.discard(each)
            self._remember(each)

    def _remember(self, call):
        """Not of too many at a time: a long run forgets one for each that it gets to know."""
        self.settled.append(call)
        if len(self.settled) <= REMEMBERED:
            return
        at = self._rng.randrange(len(self.settled))
        self.settled[at], self.settled[-1] = self.settled[-1], self.settled[at]
        old = self.settled.pop()
        for known in (self._upstream.histories, self._upstream.effects, self._client.acknowledged):
            known.pop(old.identity, None)
