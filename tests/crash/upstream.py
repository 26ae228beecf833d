"""The upstream of a run: it executes what it is asked for, writes down that it did, and answers
late, in pieces, and sometimes not at all. What it was asked it does, whoever has left meanwhile."""

import asyncio
import dataclasses
import json
import time
import urllib.parse

import answers
import wire

# How the upstreams treat keys. `late` executes soon after a request arrives or never: whoever asks
# it `routes.SETTLE` later whether something happened gets an answer that stays true.
HONOURS, HORIZON, IGNORES, LATE = "honours", "horizon", "ignores", "late"
REMEMBERS = 2.5  # seconds, of HORIZON
LATEST_EFFECT = 0.04  # seconds, of LATE
ACKNOWLEDGED_LONG_AGO = 2.0  # seconds; a sending before that may still be on its way

FAULTS = {
    "none": 88,
    "refuse": 3,  # 503, nothing was done
    "drop_before": 1,  # the connection ends, nothing was done
    "drop_after": 3,  # done, and the connection ends without an answer
    "cut": 3,  # it ends in the middle of the answer
    "leave": 2,  # it ends after the answer without a word
}


@dataclasses.dataclass
class Request:
    flavour: str
    owner: str
    key: str
    call: str
    kind: str
    arrived: float


@dataclasses.dataclass
class Plan:
    fault: str
    before_effect: float
    before_head: float
    between: float
    before_end: float
    pieces: int
    sized: bool


class Refused(Exception):
    """Too late to be executed."""


class Upstream:
    def __init__(self, rng, moments, ledger, routes, owners, broken):
        self._rng = rng
        self._moments = moments
        self._ledger = ledger
        self._routes = routes
        self._owners = owners  # by their Authorization
        self._broken = broken
        self._serial = 0
        self._memory = {}  # HONOURS, HORIZON: (owner, key) -> when, effect to come
        self._done = {}  # LATE: (owner, key) -> call, effect
        self._tasks = set()
        self.effects = {}  # (owner, call) -> [effects]
        self.acknowledged = {}  # (owner, call) -> when
        self.histories = {}  # (owner, call) -> history
        self._server = None

    async def start(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        return self._server.sockets[0].getsockname()[1]

    async def stop(self):
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def note(self, request, event):
        history = self.histories.get((request.owner, request.call))
        if history is not None:
            history.append((time.monotonic(), f"upstream: {event}"))

    # ---- one connection ----

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (*wire.GONE, wire.Broken, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _exchange(self, reader, writer):
        line, fields = await wire.read_head(reader)
        method, target, _ = line.split(" ")
        body = await wire.read_body(reader, fields)
        url = urllib.parse.urlsplit(target)
        route = self._routes[url.path.split("/")[1]]
        owner = self._owners.get(wire.first(fields, "authorization"), "nobody")
        if method == "GET":
            return await self._probed(writer, owner, urllib.parse.parse_qs(url.query)["key"][0])
        asked = json.loads(body)
        request = Request(
            flavour=HONOURS if route.flavour == "" else route.flavour,
            owner=owner,
            key=wire.first(fields, "idempotency-key", ""),
            call=asked["call"],
            kind=asked["kind"],
            arrived=time.monotonic(),
        )
        self._receive(request)
        plan = self._plan()
        self._moments.hit("received")
        return await self._answer(writer, request, plan)

    def _receive(self, request):
        self._ledger.count("upstream: requests")
        when = self.acknowledged.get((request.owner, request.call))
        self.note(request, "received")
        brief = self._routes[request.call.split("-")[0]].brief
        if when is not None and request.arrived - when > ACKNOWLEDGED_LONG_AGO and not brief:
            history = self.histories.get((request.owner, request.call), ())
            self._ledger.violated("I1", f"{request.call} was sent after its answer", history)

    def _plan(self):
        rng = self._rng

        def some(most):
            return rng.choice((0, 0, rng.uniform(0, most)))

        return Plan(
            fault=rng.choices(list(FAULTS), list(FAULTS.values()))[0],
            before_effect=some(0.02),
            before_head=some(0.02),
            between=rng.choice((0, 0, rng.uniform(0, 0.004))),
            before_end=some(0.02),
            pieces=rng.choice((1, 2, 4, 8, 24)),
            sized=rng.random() < 0.5,
        )

    async def _probed(self, writer, owner, key):
        self._ledger.count("upstream: probes")
        self._moments.hit("probe")
        call, effect = self._done.get((owner, key), (None, None))
        if effect is None:
            fields, body = [("Content-Type", "application/json")], b'{"found": false}'
        else:
            fields = answers.headers_of("found", effect)
            body = answers.body_of("found", call, owner, effect)
        fields.append(("Content-Length", len(body)))
        writer.write(wire.message("HTTP/1.1 200 OK", fields, body))
        return True

    # ---- effects ----

    def _happens(self, request):
        self._serial += 1
        effect = f"e{self._serial}x{self._rng.randrange(1 << 40):x}"
        happened = self.effects.setdefault((request.owner, request.call), [])
        happened.append(effect)
        self.note(request, f"effect {effect}")
        self._ledger.count("effects")
        if request.flavour == LATE:
            self._done[request.owner, request.key] = (request.call, effect)
        if len(happened) > 1:
            self._twice(request)
        self._moments.hit("effect")
        return effect

    def _twice(self, request):
        route = self._routes[request.call.split("-")[0]]
        if not route.once:
            self._ledger.count("effects: again where that does no harm")
            return
        history = self.histories.get((request.owner, request.call), ())
        what = f"{request.call} of {request.owner} was executed again"
        self._ledger.violated("I2", what, history)

    async def _execute(self, request, plan):
        """The effect's name. It comes to be even when the connection is gone."""
        if request.flavour in (HONOURS, HORIZON) and self._broken != "ignore":
            return await self._execute_once(request, plan)
        await asyncio.sleep(plan.before_effect)
        if request.flavour == LATE and time.monotonic() - request.arrived > LATEST_EFFECT:
            raise Refused
        effect = self._happens(request)
        if self._broken == "twice" and self._rng.random() < 0.05:
            self._happens(request)
        return effect

    async def _execute_once(self, request, plan):
        name = (request.owner, request.key)
        when, known = self._memory.get(name, (0, None))
        old = time.monotonic() - when > REMEMBERS and request.flavour == HORIZON
        if known is not None and not old:
            self._ledger.count("upstream: keys known")
            return await asyncio.shield(known)
        known = asyncio.get_running_loop().create_future()
        self._memory[name] = (time.monotonic(), known)
        await asyncio.sleep(plan.before_effect)
        known.set_result(self._happens(request))
        return known.result()

    # ---- answers ----

    async def _answer(self, writer, request, plan):
        if plan.fault == "drop_before":
            return False
        if plan.fault == "refuse":
            text = b'{"error": "unavailable"}'
            fields = [("Content-Type", "application/json"), ("Content-Length", len(text))]
            writer.write(wire.message("HTTP/1.1 503 Service Unavailable", fields, text))
            return True
        doing = asyncio.ensure_future(self._execute(request, plan))
        self._tasks.add(doing)
        doing.add_done_callback(self._tasks.discard)
        try:
            effect = await asyncio.shield(doing)
        except Refused:
            return False
        if plan.fault == "drop_after":
            return False
        await asyncio.sleep(plan.before_head)
        return await self._write(writer, request, effect, plan)

    async def _write(self, writer, request, effect, plan):
        kind = request.kind
        body = answers.body_of(kind, request.call, request.owner, effect)
        if self._broken == "truncate" and self._rng.random() < 0.05:
            body = body[:-10] if kind != "stream" else body[200:]
        sized = plan.sized and kind != "stream"
        fields = answers.headers_of(kind, effect)
        length = ("Content-Length", len(body))
        fields.append(length if sized else ("Transfer-Encoding", "chunked"))
        writer.write(wire.message("HTTP/1.1 200 OK", fields))
        self.note(request, f"head of the answer with {effect}")
        self._moments.hit("head")
        step = max(1, len(body) // plan.pieces)
        for at in range(0, len(body), step):
            piece = body[at : at + step]
            last = at + step >= len(body)
            if plan.fault == "cut" and last:
                self.note(request, "cuts its answer")
                return False
            await self._pause(plan.before_end if last else plan.between)
            writer.write(piece if sized else wire.chunk(piece))
            if writer.transport.get_write_buffer_size() > 1 << 16:
                await writer.drain()
            self._moments.hit("part")
        if not sized:
            writer.write(wire.LAST_CHUNK)
        self.note(request, "end of the answer")
        self._moments.hit("end")
        return plan.fault != "leave"

    @staticmethod
    async def _pause(seconds):
        if seconds > 0:
            await asyncio.sleep(seconds)
