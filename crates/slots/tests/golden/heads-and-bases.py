"""Writes heads-v1-three.bin and base-v1-three.bin from FORMAT.md alone: sections 2 and 13.6."""
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


def pad8(data):
    return data + bytes(-len(data) % 8)


def entry(tag, value):
    return struct.pack("<HH", tag, len(value)) + value


def container(store_id, head, payload):
    """A container of kind index with one coded section INDEX of one chunk, without a codec."""
    header = bytes.fromhex("894b4545500d0a1a") + struct.pack("<HHHHQQ16sQI", 1, 0, 8, 0, 0, 0, store_id, 0, len(head))
    header += struct.pack("<I", zlib.crc32(header))
    front = pad8(header + head + struct.pack("<I", zlib.crc32(header[:60] + head)))
    crc = zlib.crc32(struct.pack("<QIII", 0, 0x20, 0, 0) + payload)
    chunk = b"KCHK" + struct.pack("<IIIBBBBIIHHI", 0x20, 0, 0, 0, 0, 1, 0, len(payload), len(payload), 0, 0, crc)
    chunk += struct.pack("<I", zlib.crc32(bytes(8) + chunk))
    out = front + pad8(chunk + payload)
    footer = b"KFOOTER\n" + struct.pack("<IIQQQIIB7x", 0x20, 0, len(front), len(out) - len(front), len(payload), 0, 1, 0)
    footer = pad8(footer + struct.pack("<IIIBBH", len(payload), len(payload), crc, 0, 0, 0))
    length = len(out) + len(footer) + 64
    trailer = struct.pack("<QIIIIQQ", len(out), 1, 1, 0, 0, length, 0)
    trailer += struct.pack("<QI", crc64(front + footer + trailer), 0)
    trailer += struct.pack("<I", zlib.crc32(trailer)) + b"KEEPEND\n"
    return out + footer + trailer


def listed(number, slot):
    save_id, sequence, revision = bytes([number]) * 16, number << 8, 1 if number == 2 else 0
    head = entry(0x01, b"before the dragon") + entry(0x20, save_id) + entry(0x21, struct.pack("<Q", sequence))
    head += entry(0x22, bytes([slot])) if slot is not None else b""
    head += entry(0x23, b"Ada") + entry(0x24, bytes([5 if slot is None else 1])) + entry(0x28, save_id)
    head += entry(0x2F, struct.pack("<I", revision)) if revision else b""
    place = "profile" if slot is None else f"s{slot:03}"
    name = f"{place}-{sequence:016x}-{revision:04x}-{save_id.hex()}".encode()
    return bytes([len(name)]) + name + struct.pack("<QH", 1000 + number, len(head)) + head


folder = Path(sys.argv[1])
heads = struct.pack("<II", 1, 3) + listed(1, 0) + listed(2, 255) + listed(3, None)
(folder / "heads-v1-three.bin").write_bytes(container(bytes([7]) * 16, entry(0x23, b"Ada"), heads))
seen = b"".join(struct.pack("<HB", slot, state) + bytes([number]) * 16 for slot, state, number in [(0, 1, 2), (255, 0, 3), (256, 0, 1)])
(folder / "base-v1-three.bin").write_bytes(container(bytes([7]) * 16, entry(0x01, b"a cloud"), struct.pack("<II", 1, 3) + seen))
