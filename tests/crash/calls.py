"""One logical call: a key and a body that a client sends until it has an answer, and again later.
It remembers what it was told, and holds against that whatever it is told afterwards."""

import asyncio
import dataclasses
import hashlib
import json
import time

import answers
import routes
import trail
import wire

# Of one connection, or of the one telling.
NOT_STORED = {
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-length",
    "idempotent-replayed",
    "idempotency-expires",
    "proxy-status",
    "via",
}
PATIENCE = 15.0  # seconds without a kill; nothing takes a tenth of it
HISTORY = 60
LEAVES = ("early", "late", "midway")  # before the answer, with its head, in its body
FORGOTTEN_AFTER = 0.8 * (routes.KEEPS + routes.REMEMBERS)


@dataclasses.dataclass(frozen=True)
class Principal:
    name: str
    authorization: str
    cookie: str

    def fields(self):
        return [("Authorization", self.authorization), ("Cookie", self.cookie)]


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    fields: tuple
    body: bytes
    asked: float  # when
    goes_on: bool  # behind what an earlier sending has brought

    def field(self, name):
        return wire.first(self.fields, name)

    def stored(self):
        """What a replay has to repeat."""
        kept = [
            (name, value)
            for name, value in self.fields
            if name not in NOT_STORED and not name.startswith("outrigger-")
        ]
        return self.status, tuple(kept), hashlib.sha256(self.body).digest()

    def reason(self):
        try:
            problem = json.loads(self.body)
        except ValueError:
            return ""
        error = problem.get("error")
        if isinstance(error, dict):
            problem = error
        return str(problem.get("code") or problem.get("reason") or problem.get("type") or "")


class Call:
    def __init__(self, name, route, kind, principal, key):
        self.name = name
        self.route = route
        self.kind = kind
        self.principal = principal
        self.key = key
        self.told = None  # what a whole answer said
        self.told_at = None
        self.refused = False  # the last word is that nobody knows
        self.begun = None
        self.history = []

    @property
    def identity(self):
        return self.principal.name, self.name

    def note(self, event):
        if len(self.history) >= HISTORY:
            del self.history[HISTORY // 3]
        self.history.append((time.monotonic(), event))

    def request(self, text="", last_id=""):
        body = json.dumps(
            {
                "model": "m",
                "stream": self.kind == "stream",
                "call": self.name + text,
                "kind": self.kind,
                "messages": [{"role": "user", "content": "canary-body"}],
            }
        ).encode()
        fields = [
            ("Host", "proxy"),
            ("Content-Type", "application/json"),
            ("Content-Length", len(body)),
            ("Idempotency-Key", self.key),
            *self.principal.fields(),
        ]
        if last_id:
            fields.append(("Last-Event-ID", last_id))
        return wire.message(f"POST /{self.route.name}{self.route.path} HTTP/1.1", fields, body)

    def whole(self, answer):
        """What is wrong with a success that its framing ended; nothing: it is whole and ours."""
        kind, effect = answer.field("x-kind"), answer.field("x-effect")
        if kind not in (self.kind, "found") or effect is None:
            return "I8", f"an answer of kind {kind}"
        if answer.body == answers.body_of(kind, self.name, self.principal.name, effect):
            return None
        told = answer.body[:300].decode(errors="replace")
        if f'"owner": "{self.principal.name}"' not in told and '"owner"' in told:
            return "I4", f"an answer for somebody else: {told}"
        if kind == "stream" and not answer.body.endswith(answers.DONE):
            return None, "a stream without its end"
        return "I8", f"{len(answer.body)} bytes that are not what {effect} was answered: {told}"


class Client:
    """Sends calls; one for a run."""

    def __init__(self, rng, proxy, moments, ledger):
        self._rng = rng
        self._proxy = proxy
        self._moments = moments
        self._ledger = ledger
        self.acknowledged = {}  # shared with the upstream

    async def _once(self, call, text, leaves, way):
        """One sending of a call, from where `way` is on. Raises wire.GONE or wire.Broken."""
        asked = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", self._proxy.port, limit=1 << 20)
        try:
            goes_on = bool(way.last_id)
            writer.write(call.request(text, way.last_id))
            self._moments.hit("sent")
            if leaves == "early":
                await asyncio.sleep(self._rng.uniform(0, 0.01))
                raise wire.Broken("left")
            line, fields = await wire.read_head(reader)
            while line.split(" ")[1] in ("100", "103"):
                line, fields = await wire.read_head(reader)
            self._moments.hit("client_head")
            if leaves == "late":
                raise wire.Broken("left")
            status = int(line.split(" ")[1])
            way.go_on()

            def got(part):
                if call.route.resumes and status == 200:
                    way.take(part)
                if leaves == "midway":
                    raise wire.Broken("left")
                self._moments.hit("client_part")

            body = await wire.read_body(reader, fields, got)
            if call.route.resumes and status == 200:
                body = way.whole()
            return Answer(status, tuple(fields), body, asked, goes_on)
        finally:
            writer.close()

    async def _send(self, call, text="", way=None):
        """An answer that its framing ended, however many sendings it takes; None: there is none."""
        way = way or trail.Trail()
        last_up = time.monotonic()
        while time.monotonic() - last_up < PATIENCE:
            if not self._proxy.up.is_set():
                await self._proxy.up.wait()
                last_up = time.monotonic()
            often = 0.15 if call.route.resumes else 0.04
            leaves = self._rng.choice(LEAVES) if self._rng.random() < often else ""
            self._ledger.count("requests: all")
            call.note(f"sends{text}{' from ' + way.last_id[-6:] if way.last_id else ''}")
            self._ledger.count("requests: that go on in a stream", bool(way.last_id))
            try:
                return await asyncio.wait_for(self._once(call, text, leaves, way), PATIENCE)
            except asyncio.TimeoutError:
                call.note("no answer")
                self._ledger.violated("I6", f"{call.name} gets no answer", call.history)
            except (*wire.GONE, wire.Broken) as error:
                call.note(f"no whole answer: {error!r:.80}")
                self._ledger.count("answers: none or cut")
            await self._wait_after_loss(call)
        return None

    async def _wait_after_loss(self, call):
        if call.route.unknown == "late" and call.told is None and self._rng.random() < 0.2:
            await asyncio.sleep(self._rng.uniform(0.5, 2) * routes.HORIZON)
        await asyncio.sleep(self._rng.uniform(0, 0.01))

    # ---- the first time ----

    async def settle(self, call):
        """Until it has its last word."""
        if call.begun is None:
            call.begun = time.monotonic()
        began = time.monotonic()
        way = trail.Trail()
        while time.monotonic() - began < PATIENCE * 4:
            answer = await self._send(call, way=way)
            if answer is None:
                break
            call.note(f"answer {answer.status} {answer.reason() if answer.status >= 400 else ''}")
            if self._take(call, answer):
                return
            way.forget()
            await asyncio.sleep(self._rng.uniform(0.002, 0.03))
        self._ledger.violated("I6", f"{call.name} has no last word", call.history)

    def _take(self, call, answer):
        """True: it was the last word."""
        if answer.status == 200:
            return self._take_success(call, answer)
        reason = answer.reason()
        whose = f" ({call.route.name})" if reason == "outcome_unknown" else ""
        self._ledger.count(f"answers: {answer.status} {reason}{whose}")
        if answer.status == 409 and "outcome_unknown" in reason:
            if call.told is not None:
                what = f"{call.name} is unknown after its answer"
                self._ledger.violated("I1", what, call.history)
                return True
            late = time.monotonic() - call.begun >= routes.HORIZON * 0.9
            if call.route.unknown == "always" or (call.route.unknown == "late" and late):
                call.refused = True
                return True
        elif answer.status == 410 and answer.goes_on:
            return False  # there is nothing to go on in: from the start
        elif answer.status == 410 and call.route.brief:
            return True
        elif answer.status == 500 or "internal" in reason:
            self._ledger.violated("I5", f"{call.name}: {answer.body[:300]!r}", call.history)
        elif 400 <= answer.status < 500 and answer.status not in (409, 429):
            self._ledger.violated("I3", f"{call.name}: {answer.body[:300]!r}", call.history)
            return True
        return False

    def _take_success(self, call, answer):
        wrong = call.whole(answer)
        if wrong is not None and wrong[0] is None:
            self._ledger.count(f"answers: {wrong[1]}")
            return False
        if wrong is not None:
            self._ledger.violated(wrong[0], f"{call.name} got {wrong[1]}", call.history)
            return True
        self._moments.hit("client_end")
        replayed = answer.field("idempotent-replayed") is not None
        self._ledger.count("answers: replayed" if replayed else "answers: executed")
        if answer.field("x-kind") == "found":
            self._ledger.count("answers: found by a probe")
        call.note(f"whole: effect {answer.field('x-effect')}{', replayed' if replayed else ''}")
        if call.refused:
            self._ledger.violated("I5", f"{call.name} has an answer, and was unknown", call.history)
        if call.told is None:
            call.told = answer.stored()
            call.told_at = self.acknowledged[call.identity] = time.monotonic()
        else:
            self._compare(call, answer, replayed)
        return True

    def _compare(self, call, answer, replayed):
        forgotten = call.route.brief and answer.asked - call.told_at > FORGOTTEN_AFTER
        if not replayed and answer.asked > call.told_at and not forgotten:
            self._ledger.violated("I1", f"{call.name} was answered anew", call.history)
        told, again = call.told, answer.stored()
        if told == again:
            return
        differs = [name for name, a, b in zip(("status", "fields", "body"), told, again) if a != b]
        fields = f"; {told[1]} then {again[1]}" if "fields" in differs else ""
        self._ledger.violated("I3", f"{call.name} differs in {differs}{fields}", call.history)

    # ---- later ----

    async def ask_again(self, call):
        self._ledger.count("asked again")
        await self.settle(call)

    async def ask_for_another(self, call):
        """The same key for something else: refused, and not executed."""
        for _ in range(20):
            answer = await self._send(call, "-other")
            if answer is None:
                return
            call.note(f"another request: {answer.status}")
            if answer.status == 422:
                self._ledger.count("answers: 422 for another request")
                return
            if answer.status < 500:
                self._ledger.violated(
                    "I3", f"{call.name}: its key does for another request", call.history
                )
                return
            await asyncio.sleep(0.01)
