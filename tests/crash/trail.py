"""How far a client got with an event stream whose events have ids, and where it goes on."""

import dataclasses


@dataclasses.dataclass
class Trail:
    text: bytes = b""  # whole events, without their ids
    last_id: str = ""
    raw: bytes = b""  # of the running answer, from its first unfinished event on

    def forget(self):
        self.text, self.last_id, self.raw = b"", "", b""

    def go_on(self):
        """With another answer: half an event is sent again."""
        self.raw = b""

    def take(self, part):
        *events, self.raw = (self.raw + part).split(b"\n\n")
        for event in events:
            lines = event.split(b"\n")
            for line in lines:
                if line.startswith(b"id: "):
                    self.last_id = line[4:].decode()
            rest = [line for line in lines if not line.startswith(b"id: ")]
            if rest:
                self.text += b"\n".join(rest) + b"\n\n"

    def whole(self):
        return self.text + self.raw
