"""Files that others make with large programs: a film and a PDF, as small as their formats allow.

Nothing is compressed in the film: its frames are of one grey each, as `I_PCM` has them.

Sources: ITU-T H.264, sections 7.3 and 9.1; ISO/IEC 14496-12 and -15; ISO 32000-1, section 7.5.
"""

from __future__ import annotations

import struct

RED = "0.8 0.1 0.1"
SIDE = 2
"""A film is so many macroblocks wide and high, of 16 pixels each."""
_PROFILE = bytes([66, 0xC0, 10])  # constrained baseline, level 1
_I_PCM = 25
_AS_IT_IS = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


class _Bits:
    """Bits one after the other, the highest first."""

    def __init__(self) -> None:
        self._bits = ""

    def of(self, width: int, value: int) -> _Bits:
        self._bits += f"{value:0{width}b}"
        return self

    def counted(self, *values: int) -> _Bits:
        """Exp-Golomb codes, ue(v)."""
        for value in values:
            self.of(2 * (value + 1).bit_length() - 1, value + 1)
        return self

    def aligned(self) -> bytes:
        whole = self._bits + "0" * (-len(self._bits) % 8)
        return int(whole, 2).to_bytes(len(whole) // 8)


def _settings() -> tuple[bytes, bytes]:
    """The parameters of the sequence and of its pictures."""
    sequence = _Bits().counted(0, 0, 2, 0).of(1, 0).counted(SIDE - 1, SIDE - 1).of(5, 0b11001)
    picture = _Bits().counted(0, 0).of(2, 0).counted(0, 0, 0).of(3, 0).counted(0, 0, 0)
    return b"\x67" + _PROFILE + sequence.aligned(), b"\x68" + picture.of(4, 0b1001).aligned()


def _frame(number: int, grey: int) -> bytes:
    """A picture that needs no other one."""
    macroblock = bytes([grey]) * 256 + bytes([128]) * 128
    head = _Bits().counted(0, 7, 0).of(4, 0).counted(number % 2).of(2, 0).counted(0, 1)
    body = b""
    for _ in range(SIDE * SIDE):
        body += head.counted(_I_PCM).aligned() + macroblock
        head = _Bits()
    return b"\x65" + body + b"\x80"


def _box(kind: str, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind.encode()) + body


def _full(kind: str, *parts: bytes, flags: int = 0) -> bytes:
    return _box(kind, _words(flags), *parts)


def _words(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def film(frames: int = 50, *, per_s: int = 25) -> bytes:
    """An MP4 file whose frames become lighter from the first to the last."""
    edge = 16 * SIDE
    pictures = [_frame(at, 16 + 200 * at // frames) for at in range(frames)]
    samples = [_words(len(one)) + one for one in pictures]
    sequence, picture = _settings()
    short = struct.Struct(">H").pack
    decoder = _box(
        "avcC", b"\1", _PROFILE, b"\xff\xe1", short(len(sequence)), sequence,
        b"\1", short(len(picture)), picture,
    )  # fmt: skip
    coded = _box(
        "avc1", bytes(6), short(1), bytes(16), short(edge), short(edge),
        _words(0x480000, 0x480000, 0), short(1), bytes(32), short(24), b"\xff\xff", decoder,
    )  # fmt: skip

    def index(start: int) -> bytes:
        table = _box(
            "stbl",
            _full("stsd", _words(1), coded),
            _full("stts", _words(1, frames, 1)),
            _full("stsc", _words(1, 1, frames, 1)),
            _full("stsz", _words(0, frames, *map(len, samples))),
            _full("stco", _words(1, start)),
        )
        where = _box("dinf", _full("dref", _words(1), _full("url ", flags=1)))
        media = _box(
            "mdia",
            _full("mdhd", _words(0, 0, per_s, frames, 0x55C40000)),
            _full("hdlr", bytes(4), b"vide", bytes(13)),
            _box("minf", _full("vmhd", bytes(8), flags=1), where, table),
        )
        track = _full(
            "tkhd", _words(0, 0, 1, 0, frames), bytes(16), _AS_IT_IS,
            _words(edge << 16, edge << 16), flags=3,
        )  # fmt: skip
        whole = _full(
            "mvhd", _words(0, 0, per_s, frames, 0x10000), b"\1\0", bytes(10), _AS_IT_IS,
            bytes(24), _words(2),
        )  # fmt: skip
        return _box("moov", whole, _box("trak", track, media))

    kind = _box("ftyp", b"isom", _words(512), b"isomavc1")
    return kind + index(len(kind + index(0)) + 8) + _box("mdat", *samples)


def pdf() -> bytes:
    """A page that is red all over."""
    drawn = f"{RED} rg 0 0 200 100 re f".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents 4 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn),
    ]
    body, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return (
        body
        + b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
        + b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
        + b"startxref\n%d\n%%%%EOF\n" % len(body)
    )
