"""Times of a day, week or month as cron says them, in the words of every scheduler."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ftkit.errors import UsageError

_FIELDS = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("day of the week", 0, 7),
)
_MONTHS = {
    name: n
    for n, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_DAYS = {name: n for n, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
_WORDS = {3: _MONTHS, 4: _DAYS}
_PART = re.compile(r"^(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>[0-9]+))?$")
_SYSTEMD_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")


@dataclass(frozen=True)
class Calendar:
    """The minutes at which something is done; every field as the numbers that it stands for.

    ``day`` or ``weekday`` is None where any will do. Where both are given, one of them is enough, as cron
    has it (POSIX, crontab).
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...] | None
    months: tuple[int, ...] | None
    weekdays: tuple[int, ...] | None

    @property
    def cron(self) -> str:
        """Five fields that cron, Kubernetes, GitHub and Airflow read in the same way."""
        fields = (self.minutes, self.hours, self.days, self.months, self.weekdays)
        whole = (60, 24, 0, 0, 0)
        return " ".join(
            "*" if values is None or len(values) == every else _numbers(values)
            for values, every in zip(fields, whole, strict=True)
        )

    def systemd(self, timezone: str | None = None) -> tuple[str, ...]:
        """The same as values of ``OnCalendar=``, of which each is enough (systemd.time)."""
        zone = f" {timezone}" if timezone else ""
        time = f"{_listed(self.hours, 24)}:{_listed(self.minutes, 60)}:00{zone}"
        months = _listed(self.months, 12)
        days = [f"*-{months}-{_listed(self.days, 31)}"] if self.days is not None else []
        if self.weekdays is not None:
            days.append(f"{','.join(_SYSTEMD_DAYS[day] for day in self.weekdays)} *-{months}-*")
        return tuple(f"{day} {time}" for day in days or [f"*-{months}-*"])


def parse_cron(text: str) -> Calendar:
    """The calendar that five fields of a crontab stand for. Raises UsageError where they stand for none.

    Numbers, names of months and days, lists, ranges and steps; no ``@daily``. A step in the day of the month
    or of the week beside the other is refused, because schedulers differ on what that means.
    """
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise _wrong(text, f"it has {len(fields)} fields, not five")
    found = [_field(text, number, field) for number, field in enumerate(fields)]
    day, weekday = fields[2], fields[4]
    if "*" not in (day, weekday) and (day.startswith("*") or weekday.startswith("*")):
        raise _wrong(text, "a step of days beside days of the other kind is read differently by schedulers")
    days, months, weekdays = (
        None if fields[2] == "*" else found[2],
        None if len(found[3]) == 12 else found[3],
        None if fields[4] == "*" else tuple(sorted({n % 7 for n in found[4]})),
    )
    if (days is not None and len(days) == 31) or (weekdays is not None and len(weekdays) == 7):
        days = weekdays = None  # one is enough, and one is always so
    return Calendar(found[0], found[1], days, months, weekdays)


def _field(text: str, number: int, field: str) -> tuple[int, ...]:
    """The numbers that one field stands for, in order."""
    found: set[int] = set()
    for part in field.split(","):
        found |= _part(text, number, part)
    return tuple(sorted(found))


def _part(text: str, number: int, part: str) -> set[int]:
    name, low, high = _FIELDS[number]
    match = _PART.match(part)
    if match is None or (match["first"] == "*" and match["last"]):
        raise _wrong(text, f"{part!r} is no {name}")
    step = int(match["step"] or 1)
    if match["first"] == "*":
        first, last = low, 6 if number == 4 else high
    else:
        first = _number(text, number, match["first"])
        last = _number(text, number, match["last"]) if match["last"] else first
        if match["step"] and not match["last"]:
            raise _wrong(text, f"the step of {part!r} needs a range, as in {first}-{high}/{step}")
    if not (low <= first <= last <= high) or step < 1:
        raise _wrong(text, f"{part!r} is no {name} of {low} to {high}")
    return set(range(first, last + 1, step))


def _number(text: str, number: int, word: str) -> int:
    if word.isascii() and word.isdigit():
        return int(word)
    if (named := _WORDS.get(number, {}).get(word.lower()[:3])) is not None and len(word) == 3:
        return named
    raise _wrong(text, f"{word!r} is no {_FIELDS[number][0]}")


def _numbers(values: Sequence[int]) -> str:
    """Numbers as ranges and lists: ``1-5``, ``0,30``."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs)


def _listed(values: Sequence[int] | None, every: int) -> str:
    if values is None or len(values) == every:
        return "*"
    return ",".join(f"{value:02}" for value in values)


def _wrong(text: str, why: str) -> UsageError:
    return UsageError(
        f"{text!r} is no schedule: {why}",
        hint='A schedule has five fields: minute, hour, day, month, weekday. "30 3 * * 1-5": workdays, 3:30.',
    )
