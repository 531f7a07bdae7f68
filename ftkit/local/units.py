"""Read ages and sizes as people write them: ``30d``, ``12h``, ``500MB``, ``2GiB``."""

from __future__ import annotations

import re
from datetime import timedelta

from ftkit.errors import UsageError

_AGES = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SIZES = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_AGE = re.compile(r"(\d+(?:\.\d+)?) ?([mhdw])")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(?:([kKMGT])(i?)B?|B)")
_LONGEST_DAYS = 36_500


def read_age(text: str) -> timedelta:
    """``90m``, ``12h``, ``30d``, ``2w`` as a time. Raises ``UsageError``."""
    match = _AGE.fullmatch(text.strip())
    if match is None or float(match[1]) > _LONGEST_DAYS:
        raise UsageError(f"{text!r} is not an age", hint="Write 90m, 12h, 30d or 2w.")
    return timedelta(**{_AGES[match[2]]: float(match[1])})


def read_size(text: str) -> int:
    """``800MB``, ``10G``, ``2GiB``, ``4096B`` as bytes. Raises ``UsageError``."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a size", hint="Write 800MB, 10GB or 2GiB.")
    unit = (match[2] or "").upper()
    return int(float(match[1]) * (1024 if match[3] else 1000) ** _SIZES[unit])
