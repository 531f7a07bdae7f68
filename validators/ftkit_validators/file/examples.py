"""What the bad and good examples of this family are made of."""

from __future__ import annotations

GOOD = '{"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]}\n'
TINY = {"training_file_bytes": 100, "min_examples": 2, "max_examples": 3}
"""Limits of a platform that takes next to nothing."""
