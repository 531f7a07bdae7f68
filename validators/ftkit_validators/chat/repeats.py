"""Family FT5xx: rows that stand more than once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from ftkit.data import canonical_json
from ftkit.validation import Context, FileFacts, Found, RowView, rule
from ftkit_validators.chat.examples import GOOD, REPLY, USER, chat


@rule(
    "FT501",
    "duplicate-example",
    scope="dataset",
    severity="warning",
    bad=GOOD * 2,
    good=GOOD + chat(USER, REPLY),
)
class DuplicateExample:
    """The same example stands more than once. It counts double in training; and when one copy lands in the
    training part and the other in the test part, the score measures memory. (ftkit's own split keeps equal
    prompts together.)"""

    def __init__(self, context: Context) -> None:
        self.seen: dict[int, int] = {}

    def row(self, row: RowView) -> Iterator[Found]:
        """Compare by a 64-bit hash of the canonical JSON: 16 bytes a row, not the text."""
        digest = hashlib.blake2b(canonical_json(row.value), digest_size=8).digest()
        first = self.seen.setdefault(int.from_bytes(digest, "big"), row.line)
        if first != row.line:
            yield Found(f"the same example as on line {first}", "Keep one of them, unless it is meant so.")

    def end(self, facts: FileFacts) -> Iterator[Found]:
        """Nothing is left to say."""
        return iter(())


RULES = (DuplicateExample,)
