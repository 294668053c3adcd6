"""Writes delta-v1-small.bin beside itself, from FORMAT.md alone, and prints the id of the state behind the delta.

The base is world-v1-small.bin. The delta despawns row 4, takes the name from row 1 and the resource from the world, and has new values
of rows 0, 2, 3 and 5 and the entities 6 and 7.
"""

import struct
import zlib
from pathlib import Path

HERE = Path(__file__).parent
MASK = 0xFFFFFFFF


def blake3_128(data):
    """BLAKE3 of at most two chunks of 1024 bytes, the first 16 bytes of it."""
    iv = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]
    order = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]

    def compress(value, block, counter, length, flags):
        words = list(struct.unpack("<16I", block.ljust(64, b"\0")))
        v = value[:8] + iv[:4] + [counter & MASK, counter >> 32, length, flags]

        def mix(a, b, c, d, x, y):
            for word, turn, other in ((x, 16, 12), (y, 8, 7)):
                v[a] = (v[a] + v[b] + word) & MASK
                v[d] = rotate(v[d] ^ v[a], turn)
                v[c] = (v[c] + v[d]) & MASK
                v[b] = rotate(v[b] ^ v[c], other)

        def rotate(word, by):
            return (word >> by | word << (32 - by)) & MASK

        for _ in range(7):
            for at, (a, b, c, d) in enumerate(
                [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)]
                + [(0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]
            ):
                mix(a, b, c, d, words[2 * at], words[2 * at + 1])
            words = [words[at] for at in order]
        return [v[at] ^ v[at + 8] for at in range(8)]

    def chunk(data, counter, root):
        blocks = [data[at : at + 64] for at in range(0, max(len(data), 1), 64)]
        value = iv
        for at, block in enumerate(blocks):
            last = at + 1 == len(blocks)
            flags = (1 if at == 0 else 0) | (2 if last else 0) | (8 if last and root else 0)
            value = compress(value, block, counter, len(block), flags)
        return value

    if len(data) <= 1024:
        words = chunk(data, 0, True)
    else:
        assert len(data) <= 2048
        both = chunk(data[:1024], 0, False) + chunk(data[1024:], 1, False)
        words = compress(iv, struct.pack("<16I", *both), 0, 64, 4 | 8)
    return struct.pack("<8I", *words)[:16]


assert blake3_128(b"").hex() == "af1349b9f5f9a1a6a0404dea36dcc949"


def varint(value):
    out = b""
    while value >= 128:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def name(text):
    return bytes([len(text)]) + text.encode()


def rows(*numbers):
    out, after = b"", 0
    for number in numbers:
        out += varint(number - after)
        after = number + 1
    return out


def counted(*numbers):
    return varint(len(numbers)) + rows(*numbers)


def contents(sections):
    return b"".join(
        struct.pack("<IIQ", section, instance, len(data)) + data for section, instance, data in sections
    )


def sections_of(container):
    """The sections of a container whose chunks have no codec."""
    at, found = 72, []
    while container[at : at + 4] == b"KCHK":
        section, instance = struct.unpack_from("<II", container, at + 4)
        (length,) = struct.unpack_from("<I", container, at + 20)
        found.append((section, instance, container[at + 40 : at + 40 + length]))
        at += 40 + length + -length % 8
    return found


def crc64(data):
    value = 0xFFFFFFFFFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xC96C5795D7870F42 if value & 1 else 0)
    return value ^ 0xFFFFFFFFFFFFFFFF


assert crc64(b"123456789") == 0x995DC9BBDF1939FA


def pad8(data):
    return data + b"\0" * (-len(data) % 8)


def container(kind, sections, tail):
    header = b"\x89KEEP\r\n\x1a" + struct.pack("<HHHHQQ16sQI", 1, 0, kind, 0, 0, 0, b"", 0, 0)
    header += struct.pack("<I", zlib.crc32(header))
    head = header + struct.pack("<I", zlib.crc32(header[:60])) + b"\0" * 4
    out, table, chunks = head, b"", b""
    for at, (section, instance, data) in enumerate(sections):
        crc = zlib.crc32(struct.pack("<QIII", 0, section, instance, 0) + data)
        chunk = b"KCHK" + struct.pack("<IIIBBBBIIHHI", section, instance, 0, 0, 0, 1, 0, len(data), len(data), 0, 0, crc)
        chunk += struct.pack("<I", zlib.crc32(b"\0" * 8 + chunk))
        stored = pad8(chunk + data)
        table += struct.pack("<IIQQQIIB7x", section, instance, len(out), len(stored), len(data), at, 1, 0)
        chunks += struct.pack("<IIIBBH", len(data), len(data), crc, 0, 0, 0)
        out += stored
    footer = b"KFOOTER\n" + table + chunks + tail
    footer += b"\0" * (-(len(out) + len(footer)) % 8)
    length = len(out) + len(footer) + 64
    trailer = struct.pack("<QIIIIQQ", len(out), len(sections), len(sections), len(tail), 0, length, 0)
    trailer += struct.pack("<QI", crc64(head + footer + trailer), 0)
    trailer += struct.pack("<I", zlib.crc32(trailer)) + b"KEEPEND\n"
    return out + footer + trailer


def entry(tag, value):
    return struct.pack("<HH", tag, len(value)) + value


base = blake3_128(contents(sections_of((HERE / "world-v1-small.bin").read_bytes())))
delta = base + base + varint(1) + varint(6) + varint(8)
delta += counted(4)
delta += varint(1) + name("b.name") + counted(1)
delta += varint(1) + name("z.clock")
schema = varint(3)
schema += name("a.pos") + b"\x01\x00\x01" + b"\x21\x02" + name("x") + b"\x0b" + name("y") + b"\x0b"
shape = b"\x01" + b"\x03" + name("Name") + b"\x01\x0f" + b"\x01\x24\x00"
schema += name("b.name") + b"\x01\x00\x02" + varint(len(shape)) + shape
schema += name("c.parent") + b"\x01\x04\x03"
tables = name("") + varint(6) + varint(3)
tables += varint(1) + varint(1) + varint(1)
tables += varint(3) + varint(1) + varint(0)
tables += varint(2) + varint(1) + varint(2)
sections = [
    (0x50, 0, delta),
    (0x51, 0, rows(0) + rows(2, 5, 6) + rows(3, 7)),
    (0x10, 0, schema),
    (0x11, 0, tables),
    (0x12, 0, struct.pack("<6f", 1.5, 2.5, 3.5, 4.5, 5.5, 6.5)),
    (0x12, 1, name("cy")),
    (0x13, 1, b"\0" + varint(3)),
    (0x14, 2, struct.pack("<2I", 6, 6)),
    (0x15, 2, struct.pack("<2I", 1, 0)),
]
tail = entry(0x81, struct.pack("<Q", 6)) + entry(0x82, struct.pack("<Q", 6)) + entry(0x83, blake3_128(schema))
(HERE / "delta-v1-small.bin").write_bytes(container(5, sections, tail))
print("state behind the delta:", blake3_128(base + contents(sections)).hex())
