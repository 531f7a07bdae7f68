"""What is known of a held-out file: its prompts by hash and by sketch, and its system prompts."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import TYPE_CHECKING

from ftkit.data.similarity import NearDuplicateIndex
from ftkit.errors import UsageError
from ftkit.validation import Context
from ftkit_validators.quality.rows import Source
from ftkit_validators.quality.texts import digest64, texts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_KEPT = 8
_kept: dict[tuple[object, ...], HeldOut] = {}


class HeldOut:
    """One file, read once per process: 144 bytes a row."""

    def __init__(self, path: Path, context: Context) -> None:
        self.name = str(path)
        self.source = Source(self.name, context)
        self.index = NearDuplicateIndex()
        digests, lines, systems = array("Q"), array("Q"), set()
        for view in self.source.rows():
            found = texts(view)
            if not found.asked:
                continue
            digests.append(found.prompt_digest())
            lines.append(view.line)
            systems.add(digest64(found.system.encode()))
            self.index.add(found.prompt)
        self.systems = frozenset(systems)
        self._sort(digests, lines)

    def _sort(self, digests: array[int], lines: array[int]) -> None:
        import numpy as np

        self.lines: NDArray[np.uint64] = np.frombuffer(lines, np.uint64)
        prompts = np.frombuffer(digests, np.uint64)
        order = np.argsort(prompts, kind="stable")
        self._prompts, self._prompt_lines = prompts[order], self.lines[order]

    def same_prompt(self, digests: NDArray[np.uint64]) -> NDArray[np.int64]:
        """For each prompt's hash the first line that has it; 0 where none has."""
        import numpy as np

        if not len(self._prompts):
            return np.zeros(len(digests), np.int64)
        at = np.minimum(np.searchsorted(self._prompts, digests), len(self._prompts) - 1)
        return np.where(self._prompts[at] == digests, self._prompt_lines[at], 0).astype(np.int64)


def held_out_files(context: Context) -> list[HeldOut]:
    """The held-out files of the options. Raises `FtkitError` where one cannot be read."""
    return [_load(Path(path).expanduser(), context) for path in context.options.held_out]


def _load(path: Path, context: Context) -> HeldOut:
    """Shards in one process share what was read of the same file."""
    try:
        stat = path.stat()
    except OSError as error:
        raise UsageError(f"the held-out file {path} cannot be read: {error.strerror}") from error
    options = context.options
    shape = (options.template, options.source, options.method, options.max_line_bytes)
    key = (str(path.absolute()), stat.st_mtime_ns, stat.st_size, repr(shape))
    if key not in _kept:
        while len(_kept) >= _MOST_KEPT:
            del _kept[next(iter(_kept))]
        _kept[key] = HeldOut(path, context)
    return _kept[key]
