"""What a store that is not encrypted must look like after a kill, whenever that came
(proxy/store/FORMAT.md, filters/idempotency/stored_record.cc)."""

import collections
import dataclasses
import struct

import routes
import table

STATES = (
    "absent claimed dispatched responding completed released unknown verifying dead resubmitting"
    " tombstone"
).split()
IN_FLIGHT = {"claimed", "dispatched", "responding", "verifying", "resubmitting"}
# From what one look at a record saw to what a later one may see, between which any number of
# transitions lie. Only what is brief expires, and nobody resubmits.
LATER = {"claimed", "dispatched", "responding", "completed", "released", "unknown", "verifying"}
MAC = 16
BRIEF = 1000 * routes.REMEMBERS
CHUNK = 48 * 1024


@dataclasses.dataclass(frozen=True)
class Record:
    state: str
    attempt: int
    epoch: int
    expires: int
    length: int  # of the answer
    blob: bytes
    brief: bool
    answer: bytes  # all that is stored of it here


class Fields:
    def __init__(self, data):
        self._data = data
        self._at = 0

    def take(self, form):
        value = struct.unpack_from(">" + form, self._data, self._at)
        self._at += struct.calcsize(">" + form)
        return value

    def text(self):
        (size,) = self.take("I")
        self._at += size
        return self._data[self._at - size : self._at]

    def rest(self):
        return self._data[self._at :]

    def beyond(self):
        return self._at > len(self._data)


def answer_of(data, lists):
    """Length and blob, if it has so many lists of fields: trailers came later than headers."""
    fields = Fields(data)
    try:
        fields.take("H")
        for _ in range(lists):
            (count,) = fields.take("H")
            for _ in range(count * 2):
                fields.text()
        (length,) = fields.take("Q")
        blob = fields.text()
        fields.text()
    except struct.error:
        return None
    return None if fields.rest() or fields.beyond() else (length, blob)


def record_of(value):
    fields = Fields(value)
    _, state, flags = fields.take("BBB")
    _, attempt, _, _, epoch = fields.take("IIIIQ")
    _, _, expires, remember = fields.take("qqqq")
    fields.take("B32s")
    fields.text()
    answer, length, blob = fields.rest(), 0, b""
    if flags & 4:
        length, blob = next(found for lists in (2, 1) if (found := answer_of(answer, lists)))
    return Record(STATES[state], attempt, epoch, expires, length, blob, remember <= BRIEF, answer)


class Snapshot:
    """What is in the store's files."""

    def __init__(self, folder):
        values = table.read(folder / "state")
        self.records, self.marks, self.due = {}, {}, set()
        self.chunks = collections.defaultdict(dict)
        self.meta = {}
        self.garbage = set()  # blobs that somebody reads still
        self.stale = 0  # entries of the index of what expires that lead nowhere
        for name, sealed in values.items():
            value = sealed[1:-MAC]
            if name.startswith(b"i/"):
                self.records[name[2:]] = record_of(value)
            elif name.startswith(b"f/"):
                self.marks[name[2:]] = value
            elif name.startswith(b"x/"):
                self.due.add((int.from_bytes(name[2:10], "big"), name[10:]))
            elif name.startswith(b"b/"):
                self.chunks[name[2:18]][int.from_bytes(name[18:], "big")] = len(value)
            elif name.startswith(b"g/"):
                self.garbage.add(name[2:])
            elif name.startswith(b"m/"):
                self.meta[name[2:].decode()] = value.decode(errors="replace")

    def left_behind(self):
        """(what, how many): what a kill interrupted, to see that it did."""
        for state in sorted(IN_FLIGHT):
            yield state, sum(record.state == state for record in self.records.values())
        owned = {record.blob for record in self.records.values()}
        yield "parts of answers", sum(blob not in owned for blob in self.chunks)
        yield "stale index entries", self.stale

    def defects(self):
        """What is not as it should be; nothing when all is well."""
        yield from self._defects_of_indexes()
        yield from self._defects_of_chunks()
        bytes_kept = sum(record.length for record in self.records.values())
        counts = f"{len(self.records)} {bytes_kept}"
        if self.meta.get("counts", "0 0") != counts:
            yield f"m/counts is {self.meta.get('counts')}, there are {counts}"

    def _defects_of_indexes(self):
        for key, record in self.records.items():
            what = f"record {key.hex()[-12:]}, {record.state},"
            if record.state in IN_FLIGHT and key not in self.marks:
                yield f"{what} has no mark as in flight"
            if record.expires and (record.expires, key) not in self.due:
                yield f"{what} is not in the index of what expires"
        for key in self.marks:
            if key in self.records and self.records[key].state not in IN_FLIGHT:
                if self.records[key].state in ("completed", "tombstone"):
                    yield f"record {key.hex()[-12:]} is over and marked as in flight"
        for expires, key in self.due:
            if key not in self.records or self.records[key].expires != expires:
                self.stale += 1
                yield f"the index of what expires has {key.hex()[-12:]}, which does not then"

    def _defects_of_chunks(self):
        owned = {record.blob for record in self.records.values() if record.blob}
        marked = set(self.marks.values())
        for blob, chunks in self.chunks.items():
            if blob not in owned and blob not in marked and blob not in self.garbage:
                yield f"nothing leads to the {len(chunks)} chunks of blob {blob.hex()[:12]}"
        for key, record in self.records.items():
            if not record.blob:
                continue
            chunks = self.chunks.get(record.blob, {})
            wanted = -(-record.length // CHUNK)
            if sorted(chunks) != list(range(wanted)) or sum(chunks.values()) != record.length:
                yield f"record {key.hex()[-12:]}: chunks {chunks} of {record.length} bytes"

    def lost_since(self, before):
        """(invariant, what) of records that went where no way leads."""
        for key, old in before.records.items():
            if old.brief:
                continue
            new = self.records.get(key)
            name = f"record {key.hex()[-12:]}"
            if new is None:
                yield "I1", f"{name}, {old.state}, is gone"
                continue
            if old.state == "completed" and (new.state != "completed" or new.answer != old.answer):
                yield "I1", f"{name} was completed and is another one, {new.state}"
            if new.state not in LATER:
                yield "I5", f"{name} went from {old.state} to {new.state}"
            if new.attempt < old.attempt or new.epoch < old.epoch:
                yield "I5", f"{name} went from {old.attempt, old.epoch} to {new.attempt, new.epoch}"
        epochs = [int(each.meta.get("epoch", 0)) for each in (before, self)]
        if epochs[1] < epochs[0]:
            yield "I5", f"the epoch fell: {epochs}"
