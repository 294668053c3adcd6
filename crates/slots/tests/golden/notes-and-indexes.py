"""Writes note-v1-full.keep and index-v1-small.keep from FORMAT.md alone: sections 2, 13.3 and 13.4."""
import struct
import sys
import zlib
from pathlib import Path


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


def entry(tag, value):
    return struct.pack("<HH", tag, len(value)) + value


def container(kind, head, raw=None):
    header = bytes.fromhex("894b4545500d0a1a") + struct.pack("<HHHHQQ16sQI", 1, 0, kind, 0, 0, 0, bytes(16), 0, len(head))
    header += struct.pack("<I", zlib.crc32(header))
    out = header + head + struct.pack("<I", zlib.crc32(header[:60] + head))
    out = pad(out, 8)
    front, tables, pieces = out, b"", []
    if raw is not None:
        section, payload = raw
        start = len(out)
        raw_header = b"KRAW" + struct.pack("<IIIQ12x", section, 0, 0, len(payload))
        out += raw_header + struct.pack("<I", zlib.crc32(bytes(8) + raw_header))
        out = pad(pad(out, 64) + payload, 8)

        def seed(index):
            return struct.pack("<QIII", 0, section, 0, index)

        assert 0 < len(payload) <= 1 << 20
        pieces = [(len(payload), zlib.crc32(seed(0) + payload))]
        crcs = b"".join(struct.pack("<I", crc) for _, crc in pieces)
        out = pad(out + crcs + struct.pack("<I", zlib.crc32(seed(0xFFFFFFFF) + crcs)), 8)
        tables = struct.pack("<IIQQQIIB7x", section, 0, start, len(out) - start, len(payload), 0, len(pieces), 1)
    footer = b"KFOOTER\n" + tables
    for length, crc in pieces:
        footer += struct.pack("<IIIBBH", length, length, crc, 0, 0, 0)
    footer = pad(footer, 8)
    length = len(out) + len(footer) + 64
    trailer = struct.pack("<QIIIIQQ", len(out), 1 if raw else 0, len(pieces), 0, 0, length, 0)
    trailer += struct.pack("<QI", crc64(front + footer + trailer), 0)
    trailer += struct.pack("<I", zlib.crc32(trailer)) + b"KEEPEND\n"
    return out + footer + trailer


def save(number, slot, kind, name):
    save_id = bytes([number]) * 16
    head = entry(0x01, name.encode()) + entry(0x20, save_id) + entry(0x21, struct.pack("<Q", number))
    head += entry(0x22, bytes([slot])) if slot is not None else b""
    head += entry(0x23, b"ada") + entry(0x24, bytes([kind]))
    stem = f"{'profile' if slot is None else f's{slot:03}'}-{number:016x}-0000-{save_id.hex()}"
    return stem, head


def indexed(stem, extension, state, length, head, number=None, note=b""):
    names = [f"{stem}.{extension}".encode(), b"" if number is None else f"{stem}-{number:04x}.note".encode()]
    out = b"".join(bytes([len(name)]) + name for name in names)
    return names[0], out + struct.pack("<BQ", state, length) + struct.pack("<H", len(head)) + head + struct.pack("<H", len(note)) + note


folder = Path(sys.argv[1])
save_id = bytes(range(1, 17))
head = entry(0x01, "Brücke".encode()) + entry(0x20, save_id) + entry(0x30, b"\1") + entry(0x31, b"before the boss")
head += entry(0x32, struct.pack("<q", -5))
(folder / "note-v1-full.keep").write_bytes(container(7, head))

note = entry(0x01, b"Mine") + entry(0x20, bytes([2]) * 16) + entry(0x30, b"\1")
profile, bridge, gone, torn, unsure = [save(*of) for of in [
    (1, None, 5, "Profile"), (2, 3, 1, "Bridge"), (3, 3, 2, "Gone"), (4, 255, 3, "Torn"), (5, 255, 4, "Unsure")]]
entries = sorted([
    indexed(profile[0], "save", 0, 300, profile[1]),
    indexed(bridge[0], "save", 0, 0x1_0000_0001, bridge[1], 0xAB, note),
    indexed(gone[0], "deleted", 0, 400, gone[1]),
    indexed(torn[0], "damaged", 1, 0, b""),
    indexed(unsure[0], "save", 0, 500, unsure[1], 7, b""),
])
body = struct.pack("<II", 1, len(entries)) + b"".join(entry for _, entry in entries)
(folder / "index-v1-small.keep").write_bytes(container(8, b"", (0x20, body)))
