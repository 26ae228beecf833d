"""What the upstream answers: bodies that follow from their kind and from the effect that they
report, so that whoever has one can tell whether it is whole, and whose it is."""

import json

BIG = 200 * 1024
EVENTS = 24
DONE = b"data: [DONE]\n\n"


def facts(call, owner, effect):
    return {"call": call, "owner": owner, "effect": effect, "note": f"text-of-{effect}"}


def _event(call, owner, effect, number):
    delta = {"content": f"{owner} {call} {effect} {number} "}
    reason = "stop" if number == EVENTS - 1 else None
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    event = {"id": f"chatcmpl-{effect}", "object": "chat.completion.chunk", "choices": [choice]}
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def body_of(kind, call, owner, effect):
    if kind == "stream":
        events = [_event(call, owner, effect, number) for number in range(EVENTS)]
        return b"".join(events) + DONE
    value = facts(call, owner, effect)
    if kind == "found":
        value["found"] = True
    if kind == "big":
        line = len(f"{effect}:000000,")
        value["lines"] = "".join(f"{effect}:{i:06d}," for i in range(BIG // line + 1))
    return json.dumps(value).encode()


def headers_of(kind, effect):
    json_type = "application/json"
    return [
        ("Content-Type", "text/event-stream" if kind == "stream" else json_type),
        ("Date", f"Thu, 01 Jan 2026 00:{len(effect):02d}:{sum(effect.encode()) % 60:02d} GMT"),
        ("X-Effect", effect),
        ("X-Kind", kind),
        ("X-Serial", effect[::-1]),
        ("Set-Cookie", f"visit={effect}; Path=/"),
        ("Set-Cookie", "second=1"),
    ]
