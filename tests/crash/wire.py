"""HTTP/1.1 as far as the run needs it, on asyncio's streams."""

import asyncio


class Broken(Exception):
    """A message that did not come to its end as its framing has it."""


GONE = (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError)


def fields_of(text):
    fields = []
    for line in text.split("\r\n"):
        if line:
            name, _, value = line.partition(":")
            fields.append((name.strip().lower(), value.strip()))
    return fields


def first(fields, name, otherwise=None):
    return next((value for each, value in fields if each == name), otherwise)


async def read_head(reader):
    """The first line, and the fields with their names in lower case."""
    text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, _, rest = text.partition("\r\n")
    return line, fields_of(rest)


async def read_body(reader, fields, on_part=lambda part: None):
    """All of it, or GONE or Broken: what only the connection's end ends is never whole."""
    length = first(fields, "content-length")
    if length is not None:
        rest, parts = int(length), []
        while rest > 0:
            part = await reader.read(min(rest, 65536))
            if not part:
                raise Broken("the body ended early")
            rest -= len(part)
            parts.append(part)
            on_part(part)
        return b"".join(parts)
    if "chunked" not in first(fields, "transfer-encoding", ""):
        return b""
    parts = []
    while True:
        size = int((await reader.readline()).partition(b";")[0].strip() or b"-1", 16)
        if size < 0:
            raise Broken("no chunk where one should be")
        data = await reader.readexactly(size + 2) if size else b""
        if size == 0:
            while True:
                line = await reader.readline()
                if not line:
                    raise Broken("no end after the last chunk")
                if line == b"\r\n":
                    return b"".join(parts)
        parts.append(data[:-2])
        on_part(parts[-1])


def message(line, fields, body=b""):
    head = [line, *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(head).encode() + body


def chunk(data):
    return b"%x\r\n" % len(data) + data + b"\r\n"


LAST_CHUNK = b"0\r\n\r\n"
