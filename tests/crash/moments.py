"""When the proxy is killed: at a chosen point of some request, or any time.

Whoever reaches a point says so with hit(); the kill happens there and then, before anything else
of this process runs, or a few hundred microseconds later."""

import asyncio

# Where a request can be, in order.
POINTS = (
    "sent",  # the client has written its request: the key is asked for, B1 is written
    "received",  # the upstream has it: B1 is on disk
    "effect",  # it was executed
    "head",  # the upstream has sent the head of its answer
    "part",  # some of the body
    "end",  # the last of it: B3 comes now
    "client_head",
    "client_part",
    "client_end",  # the client has all of it
    "probe",  # the upstream is asked whether it happened
)
# Of these the first two are no points of a request either: about when expired records are swept,
# and a while after it was asked to stop.
OTHERS = ("sweep", "drain", "boot", "any")
SWEPT_AFTER = 1.0  # seconds from the start
WEIGHTS = {"end": 4, "sweep": 0.6, "received": 2, "client_end": 2, "boot": 2, "any": 3}


class Moments:
    def __init__(self, rng, kill, drain):
        self._rng = rng
        self._kill = kill
        self._drain = drain
        self._point = None
        self._skip = 0
        self._delay = 0.0
        self._hit = asyncio.Event()
        self._later = None

    def choose(self):
        names = [*POINTS, *OTHERS]
        return self._rng.choices(names, [WEIGHTS.get(name, 1) for name in names])[0]

    def hit(self, point):
        if point != self._point:
            return
        self._skip -= 1
        if self._skip >= 0:
            return
        self._point = None
        if self._delay == 0:
            self._fire()
        else:
            self._later = asyncio.get_running_loop().call_later(self._delay, self._fire)

    def _fire(self):
        self._kill()
        self._hit.set()

    async def kill_at(self, point):
        """Kills at the point, or somewhere else when it does not come; True: it came."""
        rng = self._rng
        if point in OTHERS:
            await self._kill_any_time(point)
            return True
        self._hit.clear()
        self._skip = rng.choice((0, 0, 1, 3, 8, 20))
        self._delay = rng.choice((0, 0, rng.uniform(0, 0.001), rng.uniform(0, 0.006)))
        self._point = point
        try:
            await asyncio.wait_for(self._hit.wait(), 0.3)
            return True
        except asyncio.TimeoutError:
            self._point = None
            if self._later is not None:
                self._later.cancel()  # the next process is not its
            self._kill()
            return False

    async def _kill_any_time(self, point):
        rng = self._rng
        if point == "sweep":
            await asyncio.sleep(SWEPT_AFTER + rng.uniform(-0.03, 0.05))
        else:
            await asyncio.sleep(rng.uniform(0, 0.25))
        if point == "drain":
            self._drain()
            await asyncio.sleep(rng.uniform(0, 0.1))
        self._kill()
