"""Vectors of many texts, each asked for once, kept in a file beside the benchmark."""

from __future__ import annotations

import base64
import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.benchmarking.metrics.base import Means
from ftkit.data import read_jsonl
from ftkit.errors import PlatformError

if TYPE_CHECKING:
    import numpy as np

ENDPOINT = "/v1/embeddings"


def _mark(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8])


class Vectors:
    """Finds the vector of a text: sixteen bytes a text are in memory, the vectors are not."""

    def __init__(self, path: Path, marks: array[int], length: int) -> None:
        import numpy as np

        found = np.frombuffer(marks, np.uint64) if len(marks) else np.empty(0, np.uint64)
        self._order = np.argsort(found)
        self._marks = found[self._order]
        self._vectors = np.memmap(path, np.float32, "r", shape=(len(marks), length)) if len(marks) else None

    def get(self, text: str) -> np.ndarray | None:
        """The vector of a text, of length 1; None for a text that was not asked about."""
        import numpy as np

        mark = np.uint64(_mark(text))
        place = int(np.searchsorted(self._marks, mark))
        if self._vectors is None or place == len(self._marks) or self._marks[place] != mark:
            return None
        return np.asarray(self._vectors[self._order[place]])


def embed(texts: Callable[[], Iterable[str]], model: str, means: Means) -> Vectors:
    """Ask for the vector of every different text, through the same way and cache as all other requests.

    ``texts`` begins a pass over them; there are two. Raises PlatformError where a text got none; a
    second call asks for the missing ones only.
    """
    from ftkit.inference import ask

    means.folder.mkdir(parents=True, exist_ok=True)
    # a call that was broken off is gone on with only where it was about the same texts
    which = hashlib.sha256(b"".join(mark.to_bytes(8) for mark, _ in _different(texts()))).hexdigest()[:16]
    asked = ask(
        _requests(texts(), model),
        means.backend,
        model=model,
        out=means.folder / "vectors.jsonl",
        workdir=means.folder / f"asking-{which}",
        cache=means.cache,
    )
    if asked.failed:
        reason = next((answer.error for answer in asked.answers() if not answer.ok), "no reason given")
        raise PlatformError(
            f"{asked.failed:,} of {asked.requests:,} texts got no vector from {model}: {reason}",
            hint="Call again: only what is missing is asked for.",
        )
    found = _write(asked.out, path := means.folder / "vectors.f32", model)
    asked.out.unlink()  # the numbers as text are five times as long
    return Vectors(path, *found)


def _write(answers: Path, path: Path, model: str) -> tuple[array[int], int]:
    """Write the vectors one after the other; the marks of their texts, and the length of all."""
    marks: array[int] = array("Q")
    length = 0
    with path.open("wb") as file:
        for row in read_jsonl(answers):
            vector = _vector(row.data)
            if length and len(vector) != length:
                raise PlatformError(f"{model} gives vectors of {length} and of {len(vector)} numbers")
            length = len(vector)
            marks.append(int(row.data["custom_id"], 16))
            file.write(vector.tobytes())
    return marks, length


def _different(texts: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Each different text once, with its mark."""
    seen: set[int] = set()
    for text in texts:
        mark = _mark(text)
        if mark not in seen:
            seen.add(mark)
            yield mark, text


def _requests(texts: Iterable[str], model: str) -> Iterator[dict[str, Any]]:
    for mark, text in _different(texts):
        body = {"model": model, "input": text, "encoding_format": "float"}
        yield {"custom_id": f"{mark:016x}", "method": "POST", "url": ENDPOINT, "body": body}


def _vector(line: Mapping[str, Any]) -> np.ndarray:
    """The vector of one answer, made to be of length 1; a null vector stays one."""
    import numpy as np

    try:
        said = line["response"]["body"]["data"][0]["embedding"]
        packed = base64.b64decode(said) if isinstance(said, str) else None
        numbers = np.frombuffer(packed, "<f4") if packed is not None else np.asarray(said, np.float32)
    except (LookupError, TypeError, ValueError) as error:
        raise PlatformError(f"the platform answered without a vector: {error}") from error
    if numbers.ndim != 1 or not len(numbers) or not np.isfinite(numbers).all():
        raise PlatformError(f"the platform answered without a vector: {str(said)[:80]}")
    size = float(np.linalg.norm(numbers))
    return (numbers / size if size else numbers).astype("<f4")
