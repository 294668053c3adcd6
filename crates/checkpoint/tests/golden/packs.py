"""Writes pack-v1-two.keep, manifest-v1-full.keep, commits-v1-two.keep and operations-v1-prune.bin from FORMAT.md alone: sections 1, 2 and 14.2 to 14.5."""
import struct
import zlib
from pathlib import Path

STORE = bytes(range(0x10, 0x20))


def crc64(data):
    crc = 0xFFFFFFFFFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xC96C5795D7870F42 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFFFFFFFFFF


assert crc64(b"123456789") == 0x995DC9BBDF1939FA


def pad(data, to):
    return data + bytes(-len(data) % to)


def varint(number):
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def entry(tag, value):
    return struct.pack("<HH", tag, len(value)) + value


def container(kind, head, sections):
    """sections: (id, payload, is raw), each of one chunk or piece."""
    header = bytes.fromhex("894b4545500d0a1a") + struct.pack("<HHHHQQ16sQI", 1, 0, kind, 0, 0, 0, STORE, 0, len(head))
    header += struct.pack("<I", zlib.crc32(header))
    out = pad(header + head + struct.pack("<I", zlib.crc32(header[:60] + head)), 8)
    front, tables, chunks = out, b"", b""
    for index, (section, payload, raw) in enumerate(sections):
        start = len(out)
        assert 0 < len(payload) <= 1 << 20

        def seed(chunk):
            return struct.pack("<QIII", 0, section, 0, chunk)

        crc = zlib.crc32(seed(0) + payload)
        if raw:
            raw_header = b"KRAW" + struct.pack("<IIIQ12x", section, 0, 0, len(payload))
            out += raw_header + struct.pack("<I", zlib.crc32(bytes(8) + raw_header))
            out = pad(pad(out, 64) + payload, 8)
            crcs = struct.pack("<I", crc)
            out = pad(out + crcs + struct.pack("<I", zlib.crc32(seed(0xFFFFFFFF) + crcs)), 8)
        else:
            chunk = b"KCHK" + struct.pack("<IIIBBBBIIHHI", section, 0, 0, 0, 0, 1, 0, len(payload), len(payload), 0, 0, crc)
            out = pad(out + chunk + struct.pack("<I", zlib.crc32(bytes(8) + chunk)) + payload, 8)
        tables += struct.pack("<IIQQQIIB7x", section, 0, start, len(out) - start, len(payload), index, 1, int(raw))
        chunks += struct.pack("<IIIBBH", len(payload), len(payload), crc, 0, 0, 0)
    footer = pad(b"KFOOTER\n" + tables + chunks, 8)
    length = len(out) + len(footer) + 64
    trailer = struct.pack("<QIIIIQQ", len(out), len(sections), len(sections), 0, 0, length, 0)
    trailer += struct.pack("<QI", crc64(front + footer + trailer), 0)
    trailer += struct.pack("<I", zlib.crc32(trailer)) + b"KEEPEND\n"
    return out + footer + trailer


def number(value):
    return entry(0x0040, struct.pack("<Q", value))


def pack():
    return container(9, number(7), [(0x0040, b"the first state" + b"and the second one", True)])


def manifest():
    packs = [(7, 400, 33), (300, 1 << 20, 0), (301, 5000, 5000)]
    retired = [(2, None), (299, -5)]
    lists, before = varint(40) + varint(len(packs)), 0
    for pack_number, length, live in packs:
        lists += varint(pack_number - before) + varint(length) + varint(live)
        before = pack_number
    lists, before = lists + varint(len(retired)), 0
    for pack_number, since in retired:
        lists += varint(pack_number - before)
        lists += b"\0" if since is None else b"\1" + struct.pack("<q", since)
        before = pack_number
    return container(10, number(0x102), [(0x0041, lists, False), (0x0042, b"the operations", False)])


def commits():
    writer = entry(0x0041, bytes(range(0xA0, 0xB0)))
    both = [b"the first commit", b"c" * 200]
    return container(11, number(40) + writer, [(0x0043, b"".join(varint(len(one)) + one for one in both), False)])


def prune():
    """Operations behind six checkpoints, section 14.2."""
    next_sequence = 7

    def rebase(form, of, rest):
        return varint(21) + varint(form) + varint(next_sequence - of) + rest

    whole = rebase(0, 4, b"\0" + varint(5) + b"world")
    difference = rebase(1, 5, varint(5 - 2) + varint(2) + b"\xaa\xbb")
    same = rebase(2, 6, varint(6 - 1))
    return whole + difference + same + varint(10) + varint(1) + varint(3 - 1)


if __name__ == "__main__":
    Path(__file__).with_name("operations-v1-prune.bin").write_bytes(prune())
    for name, data in [("pack-v1-two", pack()), ("manifest-v1-full", manifest()), ("commits-v1-two", commits())]:
        Path(__file__).with_name(name + ".keep").write_bytes(data)
