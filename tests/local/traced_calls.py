"""Carry out on a simulated disk what ``strace`` saw a process do."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from simulated_disk import Disk, Node

CALLS = (
    "openat,close,write,pwrite64,lseek,ftruncate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,"
    "link,linkat,mkdir,mkdirat,rmdir,dup,dup2,dup3,sendfile,copy_file_range,writev,pwritev"
)
_LINE = re.compile(r"\d+ +(\w+)\((.*)\) += (-?\d+)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


class Call(NamedTuple):
    """One system call that succeeded: numbers and flags as text, strings as bytes."""

    name: str
    arguments: list[bytes]
    result: int


def read_calls(log: Path) -> Iterator[Call]:
    """The calls in the order of their ends; one that another thread's call stood between is put together."""
    begun: dict[str, str] = {}
    with log.open() as lines:
        for line in lines:
            pid = line.split(" ", 1)[0]
            if line.rstrip().endswith("<unfinished ...>"):
                begun[pid] = line.rstrip().removesuffix("<unfinished ...>")
                continue
            if "resumed>" in line:
                line = begun.pop(pid) + line.split("resumed>", 1)[1]
            if (match := _LINE.match(line)) and int(match[3]) >= 0:
                yield Call(match[1], _arguments(match[2]), int(match[3]))


def _arguments(text: str) -> list[bytes]:
    found = []
    for piece in text.split(", "):
        match = _TEXT.fullmatch(piece)
        found.append(bytes.fromhex(match[1].replace("\\x", "")) if match else piece.encode())
    return found


class _Open:
    """An open file: the node it leads to (None outside the disk), its path, its position."""

    def __init__(self, path: Path, node: Node | None, append: bool) -> None:
        self.path, self.node, self.append, self.position = path, node, append, 0


class Follower:
    """Carries the calls of one process out, one by one."""

    def __init__(self, disk: Disk, here: Path) -> None:
        self.disk = disk
        self._here = here
        self._open: dict[int, _Open] = {}

    def follow(self, call: Call) -> None:
        """Do one call on the disk. A call that this does not know is an error: it could matter."""
        getattr(self, f"_{call.name}")(call)

    def _path(self, folder: bytes, name: bytes) -> Path:
        base = self._here if folder == b"AT_FDCWD" else self._at(folder).path
        return Path(os.path.normpath(base / os.fsdecode(name)))

    def _at(self, number: bytes) -> _Open:
        return self._open.get(int(number)) or _Open(Path("/elsewhere"), None, False)

    def _openat(self, call: Call) -> None:
        path, flags = self._path(*call.arguments[:2]), call.arguments[2].decode().split("|")
        node = self.disk.find(path)
        if node is None and "O_CREAT" in flags and self.disk.inside(path):
            node = Node()
            self.disk.put(path, node)
        if node is not None and "O_TRUNC" in flags:
            node.since.append((0, None))
        self._open[call.result] = _Open(path, node, "O_APPEND" in flags)

    def _close(self, call: Call) -> None:
        self._open.pop(int(call.arguments[0]), None)

    def _write(self, call: Call) -> None:
        file = self._at(call.arguments[0])
        if file.node is not None:
            if file.append:
                file.position = len(file.node.content(lambda: True))
            file.node.since.append((file.position, call.arguments[1][: call.result]))
        file.position += call.result

    def _pwrite64(self, call: Call) -> None:
        node = self._at(call.arguments[0]).node
        if node is not None:
            node.since.append((int(call.arguments[3]), call.arguments[1][: call.result]))

    def _lseek(self, call: Call) -> None:
        self._at(call.arguments[0]).position = call.result

    def _ftruncate(self, call: Call) -> None:
        node = self._at(call.arguments[0]).node
        if node is not None:
            node.since.append((int(call.arguments[1]), None))

    def _fsync(self, call: Call) -> None:
        node = self._at(call.arguments[0]).node
        if node is not None:
            node.sync()

    _fdatasync = _fsync

    def _rename(self, call: Call) -> None:
        self._move(*(self._path(b"AT_FDCWD", name) for name in call.arguments[:2]))

    def _renameat(self, call: Call) -> None:
        self._move(self._path(*call.arguments[:2]), self._path(*call.arguments[2:4]))

    _renameat2 = _renameat

    def _move(self, source: Path, target: Path) -> None:
        node = self.disk.find(source)
        self.disk.put(source, None)
        if node is not None:
            self.disk.put(target, node)

    def _link(self, call: Call) -> None:
        source, target = (self._path(b"AT_FDCWD", name) for name in call.arguments[:2])
        self.disk.put(target, self.disk.find(source))

    def _linkat(self, call: Call) -> None:
        self.disk.put(self._path(*call.arguments[2:4]), self.disk.find(self._path(*call.arguments[:2])))

    def _unlink(self, call: Call) -> None:
        self.disk.put(self._path(b"AT_FDCWD", call.arguments[0]), None)

    _rmdir = _unlink

    def _unlinkat(self, call: Call) -> None:
        self.disk.put(self._path(*call.arguments[:2]), None)

    def _mkdir(self, call: Call) -> None:
        self.disk.put(self._path(b"AT_FDCWD", call.arguments[0]), Node(entries={}))

    def _mkdirat(self, call: Call) -> None:
        self.disk.put(self._path(*call.arguments[:2]), Node(entries={}))

    def _dup(self, call: Call) -> None:
        self._open[call.result] = self._at(call.arguments[0])

    _dup2 = _dup3 = _dup
