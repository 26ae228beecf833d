"""Reads a LevelDB folder as a crash has left it: no compression, the default order of keys.

https://github.com/google/leveldb/blob/main/doc/log_format.md, table_format.md; version_edit.cc"""

import struct

BLOCK = 32768
FOOTER = 48


class Unreadable(Exception):
    pass


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def sized(data, at):
    size, at = varint(data, at)
    return data[at : at + size], at + size


def log_records(data):
    """Up to the first that was not written to its end."""
    parts, at = [], 0
    while at + 7 <= len(data):
        left = BLOCK - at % BLOCK
        if left < 7:
            at += left
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        if kind == 0 or at + 7 + length > len(data):
            return
        parts.append(data[at + 7 : at + 7 + length])
        at += 7 + length
        if kind in (1, 4):  # full, last
            yield b"".join(parts)
            parts = []


def batch(record):
    """(number, key, value or None) of each change."""
    number, count = struct.unpack_from("<QI", record)
    at = 12
    for i in range(count):
        kind = record[at]
        key, at = sized(record, at + 1)
        value = None
        if kind == 1:
            value, at = sized(record, at)
        yield number + i, key, value


def block(data, offset, size):
    """(key, value) of a block of a table."""
    if data[offset + size] != 0:
        raise Unreadable("a compressed block")
    end = offset + size
    (restarts,) = struct.unpack_from("<I", data, end - 4)
    end -= 4 + 4 * restarts
    at, key = offset, b""
    while at < end:
        shared, at = varint(data, at)
        own, at = varint(data, at)
        length, at = varint(data, at)
        key = key[:shared] + data[at : at + own]
        at += own
        yield key, data[at : at + length]
        at += length


def table(data):
    """(number, key, value or None) of a file of sorted records."""
    _, at = varint(data, len(data) - FOOTER)
    _, at = varint(data, at)
    offset, at = varint(data, at)
    size, _ = varint(data, at)
    for _, handle in block(data, offset, size):
        at_block, at = varint(handle, 0)
        block_size, _ = varint(handle, at)
        for key, value in block(data, at_block, block_size):
            (tag,) = struct.unpack("<Q", key[-8:])
            yield tag >> 8, key[:-8], value if tag & 255 == 1 else None


def manifest(folder):
    """The numbers of the live tables, and of the first log that is not in them."""
    name = (folder / "CURRENT").read_text().strip()
    tables, first_log = set(), 0
    for edit in log_records((folder / name).read_bytes()):
        at = 0
        while at < len(edit):
            tag, at = varint(edit, at)
            if tag == 1:
                _, at = sized(edit, at)
            elif tag in (2, 3, 4, 9):
                value, at = varint(edit, at)
                first_log = value if tag == 2 else first_log
            elif tag == 5:
                _, at = varint(edit, at)
                _, at = sized(edit, at)
            elif tag == 6:
                _, at = varint(edit, at)
                number, at = varint(edit, at)
                tables.discard(number)
            elif tag == 7:
                _, at = varint(edit, at)
                number, at = varint(edit, at)
                _, at = varint(edit, at)
                _, at = sized(edit, at)
                _, at = sized(edit, at)
                tables.add(number)
            else:
                raise Unreadable(f"tag {tag} in {name}")
    return tables, first_log


def read(folder):
    """All that is there, by key."""
    latest = {}

    def take(changes):
        for number, key, value in changes:
            if key not in latest or latest[key][0] <= number:
                latest[key] = number, value

    tables, first_log = manifest(folder)
    for number in tables:
        take(table((folder / f"{number:06d}.ldb").read_bytes()))
    for log in sorted(folder.glob("*.log")):
        if int(log.stem) >= first_log:
            for record in log_records(log.read_bytes()):
                take(batch(record))
    return {key: value for key, (_, value) in latest.items() if value is not None}
