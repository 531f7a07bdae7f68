"""The metric of numbers: how they are read from a text, and when two are the same."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from ftkit.benchmarking.metrics.base import Metric, MetricBase, Score
from ftkit.benchmarking.metrics.options import option
from ftkit.benchmarking.metrics.sameness import within

_SCALES = {"thousand": 3, "k": 3, "million": 6, "mn": 6, "billion": 9, "bn": 9, "trillion": 12}
_MINUS = str.maketrans("−–﹣－", "----")
_SPACES = r" \u00a0\u2009\u202f"  # a space, and those that are thin or do not break


class Quantity(NamedTuple):
    """A number in a text: its value, whether a percent sign follows it, and the word after it."""

    value: Decimal
    percent: bool
    unit: str


@lru_cache(maxsize=2)
def _pattern(decimal: str) -> re.Pattern[str]:
    group = rf"[{'.' if decimal == ',' else ','}'’_{_SPACES}]"
    return re.compile(
        rf"""(?<![\w{re.escape(decimal)}])  # a dash after a digit is a range's, not a minus
        (?=[-+]?[$€£¥]?{re.escape(decimal)}?\d)  # most places are left at once
        (?P<sign>[-+]?)(?P<money>[$€£¥]?)
        (?P<whole>\d{{1,3}}(?:{group}\d{{3}})+(?!\d)|\d+)?
        (?P<part>{re.escape(decimal)}\d+)?(?P<power>[eE][-+]?\d{{1,3}}(?!\w))?
        (?:[{_SPACES}]?(?P<percent>%|percent\b|per\ cent\b))?
        (?P<scale>k\b|[{_SPACES}]?(?:thousand|million|billion|trillion|mn|bn)\b)?
        (?:[{_SPACES}]?(?P<unit>[^\W\d_][\w/²³°]*|°\w?|[$€£¥]))?""",
        re.VERBOSE | re.IGNORECASE,
    )


@lru_cache(maxsize=4096)
def quantities(text: str, decimal: str = ".") -> tuple[Quantity, ...]:
    """All numbers in ``text``, in their order.

    Groups of three digits may be set off ("1,234,567", "1 234 567", "1'234'567"); "1.5 million" and
    "20k" are scaled; a currency sign may stand before a number. ``decimal`` is the decimal sign.
    """
    plain = text.translate(_MINUS)
    return tuple(
        found
        for match in _pattern(decimal).finditer(plain)
        if (found := _quantity(match, decimal)) is not None
    )


def _quantity(match: re.Match[str], decimal: str) -> Quantity | None:
    whole, part = match["whole"], match["part"]
    if whole is None and part is None:
        return None
    digits = re.sub(r"\D", "", whole or "") or "0"
    text = f"{match['sign']}{digits}{(part or '').replace(decimal, '.')}{match['power'] or ''}"
    value = Decimal(text)
    if match["scale"]:
        value = value.scaleb(_SCALES[match["scale"].strip().casefold()])
    unit = (match["money"] or "") + (match["unit"] or "")
    return Quantity(value, match["percent"] is not None, unit.casefold())


@dataclass(frozen=True)
class Number(MetricBase):
    """The number in the reply is the right one, within a tolerance.

    Both tolerances are inclusive, and the larger one holds. A percent sign on one side alone may mean
    either: `12 %` is `12` and `0.12`. A reply with no number, or (with `pick` as it is) with several
    different ones, is invalid.
    """

    name = "number"

    absolute: float = option(0.0, "Largest difference that is forgiven, in the number's own unit.")
    relative: float = option(0.0, "The same as a share of the right number: `0.01` forgives 1 %.")
    pick: Literal["only", "first", "last"] = option("only", "Which number of a reply with several counts.")
    decimal: Literal[".", ","] = option(".", "The decimal sign, in right answers and replies.")
    units: bool = option(False, "The word or currency sign beside the number must be the same, too.")

    def __post_init__(self) -> None:
        if self.absolute < 0 or self.relative < 0:
            raise ValueError("a tolerance is not negative")

    def right_answers(self, reply: str) -> tuple[str, ...]:
        """The reply. Raises ValueError where there is not one number in it."""
        if self._read(reply, self.pick) is None:
            raise ValueError(f"the expected answer {reply.strip()[:80]!r} is not one number")
        return (reply.strip(),)

    def right_given(self, given: Any) -> tuple[str, ...]:
        """The field ``expected``: a number, a text, or a list of these. Raises ValueError for others."""
        items = given if isinstance(given, list) and given else [given]
        texts = [item if isinstance(item, str) else self._written(item) for item in items]
        return tuple(dict.fromkeys(right for text in texts for right in self.right_answers(text)))

    def score(self, answer: str, expected: Sequence[str], labels: Sequence[str]) -> Score:
        """Read the reply's number and compare."""
        found = self._read(answer, self.pick)
        if found is None:
            return Score(False, 0.0, None, True)
        rights = [self._read(text, self.pick) for text in expected]
        correct = any(right is not None and self._same(found, right) for right in rights)
        return Score(correct, float(correct))

    def _written(self, number: Any) -> str:
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ValueError("'expected' is not a number, a text or a list of these")
        return format(Decimal(str(number)), "f").replace(".", self.decimal)

    def _read(self, text: str, pick: str) -> Quantity | None:
        found = quantities(text, self.decimal)
        if not found or (pick == "only" and len({one[:2] for one in found}) > 1):
            return None
        return found[-1] if pick == "last" else found[0]

    def _same(self, found: Quantity, right: Quantity) -> bool:
        if self.units and found.unit != right.unit:
            return False
        if self._close(found.value, right.value):
            return True
        if found.percent == right.percent:
            return False
        return self._close(_as_share(found), _as_share(right))

    def _close(self, found: Decimal, right: Decimal) -> bool:
        return within(found, right, self.absolute, self.relative)


def _as_share(quantity: Quantity) -> Decimal:
    return quantity.value / 100 if quantity.percent else quantity.value


number: Metric = Number()
