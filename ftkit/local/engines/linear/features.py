"""Turn conversations into sparse counts of hashed word and character n-grams, many at once.

Plain numpy on purpose: rolling hashes over the code points of a whole chunk are several times faster
than a vectoriser that walks every string in Python, and importing scikit-learn costs a server
a second and a half and 150 MB that nothing else here needs.

Hashes are polynomial, modulo 2**64 (Rabin & Karp, 1987), finished by the mixer of SplitMix64
(Steele, Lea & Flood, 2014), so they are the same on every machine and in every run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK_BITS = 19
BLOCK = 1 << BLOCK_BITS
"""Columns in each of the two blocks: words first, then characters."""
COLUMNS = 2 * BLOCK

CHAR_GRAMS = (2, 3, 4, 5)
MAX_CHARACTERS = 20_000
"""A longer message counts with its first and last half of this many characters."""

_BASE = 0x9E3779B97F4A7C15
_PAIR = 0xD1342543DE82EF95
_ROLES = {"last": 0x1, "system": 0x2, "user": 0x3, "assistant": 0x4, "other": 0x5}

Segment = tuple[str, str]
"""(role key, text): one part of a conversation; the role keys are those of ``segments_of``."""


def segments_of(messages: Sequence[Mapping[str, Any]]) -> list[Segment]:
    """A conversation's parts: its last message apart from the rest, which go by their roles."""
    parts: list[Segment] = []
    for position, message in enumerate(messages):
        role = str(message.get("role", "user"))
        if role == "developer":
            role = "system"
        if position == len(messages) - 1 and role != "system":
            key = "last"
        else:
            key = role if role in _ROLES else "other"
        parts.append((key, text_of(message)))
    return parts


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message whose content is a string, a list of parts, or nothing."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        return "\n".join(text for text in texts if isinstance(text, str))
    return ""


def count_features(conversations: Sequence[Sequence[Segment]]) -> Any:
    """Count n-grams: a CSR matrix of float32, one row a conversation, ``COLUMNS`` wide.

    A part that many conversations share, such as a system prompt, is counted once.
    """
    import numpy as np
    from scipy.sparse import csr_matrix

    known: dict[Segment, int] = {}
    places = [known.setdefault(part, len(known)) for parts in conversations for part in parts]
    counted = _count_segments(list(known))
    ends = np.cumsum([0, *(len(parts) for parts in conversations)])
    ones = np.ones(len(places), dtype=np.float32)
    return csr_matrix((ones, places, ends), shape=(len(conversations), len(known))) @ counted


def _count_segments(segments: Sequence[Segment]) -> Any:
    """``count_features`` for single parts: CSR, one row a part."""
    import numpy as np
    from scipy.sparse import csr_matrix

    points, owner = _code_points([_clean(text) for _, text in segments])
    salts = np.array([_ROLES[role] for role, _ in segments], dtype=np.uint64) * np.uint64(_PAIR)
    prefix, undo = _prefix_hashes(points)
    words = _word_grams(points, owner, prefix, undo)
    chars = _char_grams(points, owner, prefix, undo)
    keys = np.concatenate(
        [
            row * COLUMNS + offset + _column(hashes + salts[row])
            for (row, hashes), offset in ((words, 0), (chars, BLOCK))
        ]
    )
    keys, counts = np.unique(keys, return_counts=True)
    ends = np.searchsorted(keys, np.arange(len(segments) + 1, dtype=np.int64) * COLUMNS)
    columns = (keys % COLUMNS).astype(np.int32)
    return csr_matrix((counts.astype(np.float32), columns, ends), shape=(len(segments), COLUMNS))


def _clean(text: str) -> str:
    if len(text) > MAX_CHARACTERS:
        text = f"{text[: MAX_CHARACTERS // 2]} {text[-MAX_CHARACTERS // 2 :]}"
    return " ".join(text.lower().split())


def _code_points(texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """All texts as one array of code points, each text between spaces, and the text of each point."""
    import numpy as np

    lengths = np.array([len(text) + 2 for text in texts], dtype=np.int64)
    joined = "".join(f" {text} " for text in texts)
    points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return points, np.repeat(np.arange(len(texts), dtype=np.int64), lengths)


def _prefix_hashes(points: NDArray[np.uint32]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Prefix sums of ``point * base**position`` and the inverse powers that make them positionless."""
    import numpy as np

    inverse = pow(_BASE, -1, 1 << 64)
    base = np.full(len(points), _BASE, dtype=np.uint64)
    undo = np.full(len(points) + 1, inverse, dtype=np.uint64)
    undo[0] = 1
    terms = _mix(points.astype(np.uint64) + np.uint64(1)) * np.multiply.accumulate(base)
    prefix = np.zeros(len(points) + 1, dtype=np.uint64)
    np.cumsum(terms, out=prefix[1:])
    return prefix, np.multiply.accumulate(undo)


def _word_grams(
    points: NDArray[np.uint32], owner: NDArray[np.int64], prefix: NDArray[np.uint64], undo: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Words, numbers and single punctuation marks, alone and in pairs: (text, hash) of each."""
    import numpy as np

    kinds, back = np.unique(points, return_inverse=True)
    kind = np.array([_kind(chr(int(point))) for point in kinds], dtype=np.int8)[back]
    inside = kind == 1
    before = np.concatenate([[False], inside[:-1]])
    starts = np.flatnonzero((inside & ~before) | (kind == 2))
    after = np.concatenate([inside[1:], [False]])
    ends = np.flatnonzero((inside & ~after) | (kind == 2)) + 1
    hashes = (prefix[ends] - prefix[starts]) * undo[starts]
    texts = owner[starts]
    same = texts[1:] == texts[:-1]
    pairs = (hashes[:-1] * np.uint64(_PAIR) + hashes[1:])[same]
    return np.concatenate([texts, texts[1:][same]]), np.concatenate([hashes, pairs])


def _kind(character: str) -> int:
    """0 for white space, 1 for what words are made of, 2 for a mark that stands alone."""
    if character.isspace():
        return 0
    return 1 if character.isalnum() or character == "_" else 2


def _char_grams(
    points: NDArray[np.uint32], owner: NDArray[np.int64], prefix: NDArray[np.uint64], undo: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Character n-grams inside words, a space at a word's edge counting: (text, hash) of each."""
    import numpy as np

    space = points == 32
    spaces = np.concatenate([[0], np.cumsum(space)])
    texts: list[Any] = []
    hashes: list[Any] = []
    for size in CHAR_GRAMS:
        start = np.arange(max(len(points) - size + 1, 0))
        inner = spaces[start + size - 1] - spaces[start + 1]
        start = start[(inner == 0) & ~(space[start] & space[start + size - 1])]
        texts.append(owner[start])
        hashes.append((prefix[start + size] - prefix[start]) * undo[start] + np.uint64(size))
    return np.concatenate(texts), np.concatenate(hashes)


def _column(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    import numpy as np

    return (_mix(hashes) >> np.uint64(64 - BLOCK_BITS)).astype(np.int64)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser: every input bit touches every output bit."""
    import numpy as np

    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
