"""Writes the delta-v1-*.bin files from section 14.6 of FORMAT.md alone. LZ4 blocks and zstd frames are made by the commands lz4 and zstd."""
import struct
import subprocess
import sys
import tempfile
from pathlib import Path


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value):
    return varint(value * 2 if value >= 0 else -value * 2 - 1)


def step(copy, insert, shift, usual):
    if shift != 0:
        return b"\xfe" + varint(copy) + varint(insert) + zigzag(shift)
    if usual == 0 or insert == usual:
        own = varint(insert) if usual == 0 else b""
        if copy < 160:
            return bytes([copy]) + own
        if copy < 12448:
            return bytes([160 + (copy - 160) // 256, (copy - 160) % 256]) + own
        return b"\xfc" + varint(copy) + own
    if copy < 11264:
        return bytes([208 + copy // 256, copy % 256]) + varint(insert)
    return b"\xfd" + varint(copy) + varint(insert)


def body(steps, literals, usual):
    return varint(len(steps)) + b"".join(step(*s, usual) for s in steps) + literals


def apply(source, steps, literals, target_len):
    target, place = b"", 0
    for copy, insert, shift in steps:
        target += source[place:place + copy] + literals[:insert]
        literals = literals[insert:]
        place += copy + insert + shift
    assert literals == b""
    target += source[place:place + target_len - len(target)]
    assert len(target) == target_len
    return target


def lz4_block(data):
    """The block in a frame of one block that the command makes."""
    frame = subprocess.run(["lz4", "-c", "--no-frame-crc", "-B7"], input=data, stdout=subprocess.PIPE, check=True).stdout
    magic, flags = struct.unpack_from("<IB", frame)
    assert magic == 0x184D2204 and flags & 0x08 == 0
    size, = struct.unpack_from("<I", frame, 7)
    assert size < 1 << 31 and frame[11 + size:] == bytes(4)
    return frame[11:11 + size]


def zstd_frame(data, prefix=None):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data").write_bytes(data)
        command = ["zstd", "-q", "-c", "--no-check", f"{folder}/data"]
        if prefix is not None:
            (Path(folder) / "prefix").write_bytes(prefix)
            command.insert(1, f"--patch-from={folder}/prefix")
        return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def state(length):
    return bytes((i * i * 31 + i * 7 + (i >> 8)) & 0xFF for i in range(length))


def numbers(length):
    return bytes((i * 37 + 11) & 0xFF for i in range(length))


STEPS = [
    (0, 4, 0), (159, 4, 0), (160, 4, 0), (12447, 4, 0), (12448, 4, 0), (0, 1, 0), (11263, 300, 0), (11264, 5, 0),
    (10, 40, -40), (7, 0, 500), (3, 2, -30000),
]
LONG = state(64000)


def steps(usual):
    target_len = sum(copy + insert for copy, insert, _ in STEPS) + 1000
    literals = numbers(sum(insert for _, insert, _ in STEPS))
    apply(LONG, STEPS, literals, target_len)
    return bytes([usual]) + varint(target_len) + body(STEPS, literals, usual)


def packed(stage, pack):
    """A record of 1000 equal bytes in front of byte 300 of 1000."""
    data = body([(300, 1000, -1000)], b"\x2a" * 1000, 0)
    return bytes([stage << 5]) + varint(2000) + varint(len(data)) + pack(data)


def prefixed():
    """The second half in front of the first."""
    source = LONG[:20000]
    target = source[10000:] + b"between" + source[:10000]
    return bytes([3 << 5]) + varint(len(target)) + varint(len(source)) + zstd_frame(target, source)


EXAMPLE = [(10, 1, 0), (9, 1, 0), (179, 4, -4)]
FILES = {
    "example": b"\x01" + varint(260) + body(EXAMPLE, b"\xaa\xbbKEEP", 1),
    "usual": steps(4),
    "given": steps(0),
    "lz4": packed(1, lz4_block),
    "zstd": packed(2, zstd_frame),
    "prefix": prefixed(),
}

if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    for name, data in FILES.items():
        (folder / f"delta-v1-{name}.bin").write_bytes(data)
