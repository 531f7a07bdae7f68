"""A disk that loses what was not synced: it follows system calls and shows what a power cut leaves.

A file has what was last synced and the writes since; a directory the entries that were last synced and
those of now. POSIX promises the synced ones only. Which of the others survive is up to a ``View``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

Write = tuple[int, bytes | None]
"""(offset, data), or (length, None) where the file was cut to this length."""


@dataclass(frozen=True)
class View:
    """Which writes and which entries that were not synced survive; each asked once for every one of them."""

    name: str
    write: Callable[[], bool]
    entry: Callable[[], bool]


@dataclass
class Node:
    """A file or a directory. ``entries`` is None for a file."""

    entries: dict[str, Node] | None = None
    synced_entries: dict[str, Node] = field(default_factory=dict)
    synced: bytes = b""
    since: list[Write] = field(default_factory=list)

    def sync(self) -> None:
        """Put all of it on the disk."""
        if self.entries is not None:
            self.synced_entries = dict(self.entries)
        else:
            self.synced, self.since = self.content(lambda: True), []

    def content(self, survives: Callable[[], bool]) -> bytes:
        """A file's bytes with those later writes that survive."""
        data = bytearray(self.synced)
        for offset, written in self.since:
            if not survives():
                continue
            if written is None:
                data[offset:] = bytes(max(0, offset - len(data)))
            else:
                data.extend(bytes(max(0, offset - len(data))))
                data[offset : offset + len(written)] = written
        return bytes(data)

    def names(self, survives: Callable[[], bool]) -> dict[str, Node]:
        """A directory's entries: each that was changed since it was synced is the old or the new one."""
        assert self.entries is not None
        found = {}
        for name in sorted({*self.entries, *self.synced_entries}):
            now, before = self.entries.get(name), self.synced_entries.get(name)
            chosen = now if now is before or survives() else before
            if chosen is not None:
                found[name] = chosen
        return found


class Disk:
    """All below one folder; paths outside of it do not matter."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.top = Node(entries={})

    def find(self, path: Path) -> Node | None:
        """What is at a path now."""
        node: Node | None = self.top
        for name in self._names(path) or ():
            node = node.entries.get(name) if node is not None and node.entries is not None else None
        return node if path == self.root or self._names(path) else None

    def put(self, path: Path, node: Node | None) -> None:
        """Give a path another thing, or nothing."""
        folder = self.find(path.parent)
        if folder is not None and folder.entries is not None:
            if node is None:
                folder.entries.pop(path.name, None)
            else:
                folder.entries[path.name] = node

    def inside(self, path: Path) -> bool:
        """Whether a path is on this disk."""
        return path.is_relative_to(self.root)

    def _names(self, path: Path) -> tuple[str, ...] | None:
        return path.relative_to(self.root).parts if self.inside(path) else None

    def show(self, folder: Path, view: View, node: Node | None = None) -> None:
        """Write down, in an empty folder, what is found after a power cut now."""
        for name, below in (node or self.top).names(view.entry).items():
            target = folder / name
            if below.entries is None:
                target.write_bytes(below.content(view.write))
            else:
                target.mkdir()
                self.show(target, view, below)
