"""A look at files that does not run them: which hold pickles, and what those would call.

By content, whatever a file is called: also inside zip archives (as PyTorch and numpy write), tar
archives, gzip, bzip2, xz and zlib (as joblib writes), and inside one another. What a pickle
imports is read off its opcodes; nothing is imported here.
"""

from __future__ import annotations

import bz2
import contextlib
import io
import lzma
import pickletools
import re
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

if TYPE_CHECKING:
    from pathlib import Path

_HEAD: Final = 64
_LARGEST: Final = 2 * 1024 * 1024 * 1024
"""Most bytes of one member that are looked through."""
_DEEPEST: Final = 6
_MOST_MEMBERS: Final = 10_000
_MOST_IMPORTS: Final = 200
_MOST_OPCODES: Final = 50_000_000
_IMPORT: Final = re.compile(
    rb"c([A-Za-z_][\w.]*)\n([A-Za-z_][\w.]*)\n"
    rb"|[\x8c](?:.)([A-Za-z_][\w.]*)\x94?\x8c(?:.)([A-Za-z_][\w.]*)\x94?\x93",
    re.DOTALL,
)
_SPELLED: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_ZSTD: Final = b"\x28\xb5\x2f\xfd"

_GRAPH: Final = "saved_model.pb"
_REACHING: Final = (
    "EagerPyFunc MatchingFiles PyFunc ReadFile WholeFileReader WriteFile TFRecordDataset "
    "TextLineDataset"
).split()
"""Operations of TensorFlow that read and write files, or call Python."""

# What no model needs, and what takes over a machine. A name of a module stands for all in it.
DANGEROUS: Final = frozenset(
    """
    os posix nt subprocess sys shutil socket pty commands runpy code codeop importlib imp ctypes
    webbrowser multiprocessing threading asyncio http urllib requests ftplib smtplib telnetlib
    builtins.eval builtins.exec builtins.compile builtins.open builtins.__import__
    builtins.setattr builtins.delattr builtins.globals builtins.input
    builtins.breakpoint __builtin__ operator.attrgetter operator.methodcaller
    functools.reduce pickle dill.loads cloudpickle.loads marshal types.CodeType types.FunctionType
    bdb pdb timeit trace tempfile platform pip ensurepip venv inspect gc signal
    torch.load numpy.testing torch.hub torch.serialization.load joblib.load
    """.split()
)


class Found(Struct, omit_defaults=True):
    """What was seen in a file. `format`: `pickle`, or how it is wrapped (`zip > pickle`).

    `imports`: names that the pickles would import; `dangerous`: those that no model needs;
    `note`: why the look stayed incomplete.
    """

    format: str
    imports: list[str] = []
    dangerous: list[str] = []
    note: str | None = None

    def told(self) -> str:
        """In a few words."""
        if self.dangerous:
            return f"{self.format} that calls {', '.join(self.dangerous[:8])}"
        return f"{self.format} that imports {', '.join(self.imports[:8])}"


def scan_folder(folder: Path) -> dict[str, Found]:
    """What runs code when it is read, by path; files that are no more than data are not named."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            seen = scan_file(path)
            if seen is not None:
                found[path.relative_to(folder).as_posix()] = seen
    return found


def scan_file(path: Path) -> Found | None:
    """What is in the file that runs code; None when nothing of that kind is."""
    seen = _Seen()
    with path.open("rb") as file:
        _look(file, path.stat().st_size, (), seen)
    if path.suffix == ".py":
        seen.ways.add("Python code")
    if path.name == _GRAPH:
        seen.ways.add("TensorFlow graph")
        seen.imports |= _operations(path)
    if not seen.ways:
        return None
    imports = sorted(seen.imports)
    dangerous = [name for name in imports if is_dangerous(name)]
    if len(imports) > _MOST_IMPORTS:
        seen.notes.append(f"{len(imports) - _MOST_IMPORTS} more imports")
    note = "; ".join(dict.fromkeys(seen.notes)) or None
    return Found(", ".join(sorted(seen.ways)), imports[:_MOST_IMPORTS], dangerous, note)


def _operations(path: Path) -> set[str]:
    """What in a graph reaches beyond it. The text of names is enough to find it."""
    with path.open("rb") as file:
        data = file.read(_LARGEST)
    return {f"tensorflow.{name}" for name in _REACHING if name.encode() in data}


def is_dangerous(name: str) -> bool:
    """Whether an import is of a kind that no model needs."""
    parts = name.split(".")
    return any(".".join(parts[:end]) in DANGEROUS for end in range(1, len(parts) + 1))


class _Seen:
    def __init__(self) -> None:
        self.ways: set[str] = set()
        self.imports: set[str] = set()
        self.notes: list[str] = []
        self.members = 0
        self.opcodes = 0

    def way(self, wrapped: tuple[str, ...], what: str) -> None:
        self.ways.add(" > ".join((*wrapped, what)))


def _look(file: Any, size: int, wrapped: tuple[str, ...], seen: _Seen) -> None:
    """Look at a seekable binary stream of *size* bytes from its beginning."""
    seen.members += 1
    if len(wrapped) > _DEEPEST or seen.members > _MOST_MEMBERS:
        seen.notes.append("archives within archives beyond the limit")
        seen.way(wrapped, "unknown")
        return
    if size > _LARGEST and not _is_zip(file):
        seen.notes.append(f"more than {_LARGEST:,} bytes")
        size = _LARGEST
    if _is_zip(file):
        # The end of a file can make an archive of it whatever its beginning is: look at both.
        _look_into_zip(file, wrapped, seen)
    file.seek(0)
    head = file.read(_HEAD)
    file.seek(0)
    opened = _unwrapped(file, head)
    if opened is not None:
        name, inner = opened
        _look_through(name, inner, wrapped, seen)
        return
    if head.startswith(_ZSTD):
        seen.notes.append("zstd, which is not looked into")
        seen.way(wrapped, "zstd > unknown")
        return
    if _is_tar(file):
        _look_into_tar(file, wrapped, seen)
        return
    if head.startswith(b"\x93NUMPY"):
        _look_into_array(file, wrapped, seen)
        return
    file.seek(0)
    _pickles(file, wrapped, seen)


def _is_zip(file: Any) -> bool:
    file.seek(0)
    try:
        return zipfile.is_zipfile(file)
    except (OSError, ValueError, RuntimeError):
        return False


def _is_tar(file: Any) -> bool:
    file.seek(257)
    is_one = file.read(5) == b"ustar"
    file.seek(0)
    return bool(is_one)


def _unwrapped(file: Any, head: bytes) -> tuple[str, Any] | None:
    """The stream inside a compressed one, and what it is compressed with."""
    if head.startswith(b"\x1f\x8b"):
        import gzip  # noqa: PLC0415 - seldom needed

        return "gzip", gzip.GzipFile(fileobj=file, mode="rb")
    if head.startswith(b"BZh"):
        return "bzip2", bz2.BZ2File(file)
    if head.startswith((b"\xfd7zXZ", b"\x5d\x00\x00")):
        return "xz", lzma.LZMAFile(file)
    if head[:1] == b"\x78" and len(head) > 1 and int.from_bytes(head[:2], "big") % 31 == 0:
        return "zlib", _Inflated(file)
    return None


class _Inflated(io.RawIOBase):
    """A zlib stream, unpacked as it is read."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._unpacker = zlib.decompressobj()

    def read(self, size: int = -1) -> bytes:
        """The next bytes; at most *size*."""
        wanted = 1 << 20 if size < 0 else size
        while not self._unpacker.eof:
            data = self._unpacker.unconsumed_tail or self._file.read(65536)
            if not data:
                return b""
            if out := self._unpacker.decompress(data, wanted):
                return out
        return b""


def _look_through(name: str, inner: Any, wrapped: tuple[str, ...], seen: _Seen) -> None:
    """Look at what a compressed stream holds, which goes to a file so that it can be read twice."""
    import tempfile  # noqa: PLC0415 - seldom needed

    with tempfile.SpooledTemporaryFile(max_size=32 * 1024 * 1024) as spare:
        total = 0
        try:
            while data := inner.read(1 << 20):
                total += len(data)
                if total > _LARGEST:
                    seen.notes.append(f"{name} of more than {_LARGEST:,} bytes")
                    seen.way(wrapped, f"{name} > unknown")
                    break
                spare.write(data)
        except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
            seen.notes.append(f"{name} that breaks off: {error}")
        spare.seek(0)
        _look(spare, total, (*wrapped, name), seen)


def _look_into_zip(file: Any, wrapped: tuple[str, ...], seen: _Seen) -> None:
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                if member.is_dir() or member.file_size == 0:
                    continue
                if member.flag_bits & 1:
                    seen.notes.append(f"{member.filename} is encrypted")
                    seen.way((*wrapped, "zip"), "unknown")
                    continue
                if member.filename.endswith("config.json"):
                    _look_for_lambda(archive, member, wrapped, seen)
                with archive.open(member) as inner:
                    _look_through_member("zip", inner, member.file_size, wrapped, seen)
    except (zipfile.BadZipFile, NotImplementedError, OSError, RuntimeError, zlib.error) as error:
        seen.notes.append(f"zip that cannot be read: {error}")
        seen.way(wrapped, "zip > unknown")


def _look_for_lambda(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, wrapped: tuple[str, ...], seen: _Seen
) -> None:
    """Keras keeps the functions of Lambda layers as marshalled code in its configuration."""
    with archive.open(member) as file:
        if b"__lambda__" in file.read(64 * 1024 * 1024):
            seen.way((*wrapped, "zip"), "Python code in a Lambda layer")


def _look_into_tar(file: Any, wrapped: tuple[str, ...], seen: _Seen) -> None:
    file.seek(0)
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                inner = archive.extractfile(member) if member.isfile() else None
                if inner is not None:
                    _look_through_member("tar", inner, member.size, wrapped, seen)
    except (tarfile.TarError, OSError) as error:
        seen.notes.append(f"tar that cannot be read: {error}")
        seen.way(wrapped, "tar > unknown")


def _look_into_array(file: Any, wrapped: tuple[str, ...], seen: _Seen) -> None:
    """An array of numpy; one of objects is a pickle behind its header."""
    version = file.read(8)[6:7]
    length = int.from_bytes(file.read(2 if version == b"\1" else 4), "little")
    if b"O" in file.read(min(length, 1 << 20)).partition(b"descr")[2].partition(b"fortran")[0]:
        _pickles(file, (*wrapped, "numpy"), seen)


def _look_through_member(
    name: str, inner: Any, size: int, wrapped: tuple[str, ...], seen: _Seen
) -> None:
    """Look at a member; a long one that begins like neither archive nor pickle is passed by."""
    head = inner.read(_HEAD)
    if not _may_be_more(head) and size > 1 << 20:
        return

    class Rest(io.RawIOBase):
        def __init__(self) -> None:
            self._head = head

        def read(self, size: int = -1) -> bytes:
            found, self._head = self._head or inner.read(size), b""
            return bytes(found)

    _look_through(name, Rest(), wrapped, seen)


def _may_be_more(head: bytes) -> bool:
    starts = (
        b"\x80",
        b"PK",
        b"\x1f\x8b",
        b"BZh",
        b"\xfd7zXZ",
        b"\x5d\x00\x00",
        _ZSTD,
        b"\x93NUMPY",
    )
    return head.startswith(starts) or head[:1] in b"(]}c\x78" or b"ustar" in head


# --- pickles -----------------------------------------------------------------------------------


def _pickles(file: Any, wrapped: tuple[str, ...], seen: _Seen) -> None:
    """Read off all pickles that follow one another in the stream."""
    start = file.tell()
    head = file.read(2)
    file.seek(start)
    # A pickle of protocol 2 and up says so. Older ones are text that may be anything: tried, and
    # believed when they run to their end or import something on the way.
    says_so = len(head) == 2 and head[0] == 0x80 and 1 <= head[1] <= 5  # noqa: PLR2004 - the format has it so
    while True:
        imports: set[str] = set()
        ended = _one_pickle(file, imports, seen)
        if says_so or imports or ended:
            if not says_so and not ended:
                imports = {one for one in imports if _SPELLED.fullmatch(one)}
            if imports or says_so:
                seen.way(wrapped, "pickle")
                seen.imports |= imports
            if not ended and says_so:
                # joblib puts the bytes of arrays amid the opcodes: what follows is searched.
                file.seek(start)
                seen.imports |= _spelled_out(file)
                seen.notes.append("data amid a pickle: what it imports was searched for")
        if not ended:
            return
        place = file.tell()
        says_so = file.read(1) == b"\x80"
        file.seek(place)
        if not says_so:
            return


def _spelled_out(file: Any) -> set[str]:
    """Imports that the bytes spell out, wherever they stand."""
    found = set()
    tail = b""
    while data := file.read(1 << 20):
        window = tail + data
        for match in _IMPORT.finditer(window):
            module, name = (match[1], match[2]) if match[1] else (match[3], match[4])
            found.add(f"{module.decode()}.{name.decode()}")
        tail = window[-512:]
    return found


def _one_pickle(file: Any, imports: set[str], seen: _Seen) -> bool:
    """Read one pickle off; whether it came to its end."""
    machine = _Machine(imports)
    with contextlib.suppress(Exception):  # whatever bytes may hold, it is not a pickle then
        for opcode, argument, _ in pickletools.genops(file):
            seen.opcodes += 1
            if seen.opcodes > _MOST_OPCODES:
                seen.notes.append("a pickle of too many steps")
                return False
            machine.step(opcode, argument)
            if opcode.name == "STOP":
                return True
    return False


_MARK: Final = object()
_UNKNOWN: Final = object()


class _Machine:
    """The stack and memo of a pickle, as far as texts are concerned: they may name imports."""

    def __init__(self, imports: set[str]) -> None:
        self._stack: list[object] = []
        self._memo: dict[int, object] = {}
        self._imports = imports

    def step(self, opcode: pickletools.OpcodeInfo, argument: object) -> None:
        """Do what the opcode does, without doing it."""
        name = opcode.name
        if name in {"GLOBAL", "INST"}:
            self._imports.add(str(argument).replace(" ", "."))
        elif name == "STACK_GLOBAL":
            pair = self._stack[-2:]
            is_known = len(pair) == 2 and all(isinstance(one, str) for one in pair)  # noqa: PLR2004 - the format has it so
            self._imports.add(".".join(map(str, pair)) if is_known else "unknown")
        elif name in {"EXT1", "EXT2", "EXT4"}:
            self._imports.add("extension")
        elif name in {"MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"}:
            at = len(self._memo) if name == "MEMOIZE" else int(str(argument))
            self._memo[at] = self._stack[-1] if self._stack else _UNKNOWN
            return
        top = self._stack[-1] if self._stack else _UNKNOWN
        self._pop(opcode)
        for _ in opcode.stack_after:
            self._stack.append(self._pushed(name, argument, top))

    def _pop(self, opcode: pickletools.OpcodeInfo) -> None:
        if pickletools.markobject in opcode.stack_before:
            while self._stack and self._stack.pop() is not _MARK:
                pass
            if opcode.stack_before[0] is not pickletools.markobject and self._stack:
                self._stack.pop()
            return
        for _ in opcode.stack_before:
            if self._stack:
                self._stack.pop()

    def _pushed(self, name: str, argument: object, top: object) -> object:
        if name == "MARK":
            return _MARK
        if name == "DUP":
            return top
        if "UNICODE" in name or name in {"STRING", "BINSTRING", "SHORT_BINSTRING"}:
            return str(argument)
        if name in {"GET", "BINGET", "LONG_BINGET"}:
            return self._memo.get(int(str(argument)), _UNKNOWN)
        return _UNKNOWN
