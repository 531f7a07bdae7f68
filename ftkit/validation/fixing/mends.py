"""The mends: what ``fix`` may change, which rule's finding each one takes away, and how a change is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ftkit.validation.locate import pointer_of
from ftkit.validation.rules import Key

_LONGEST_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Mend:
    """One kind of change. ``codes`` are the rules whose findings it removes.

    ``wanted``: None where it is always made; else the option of ``FixOptions`` that asks for it, because
    it renames what a reader may know under its old name.
    """

    name: str
    what: str
    codes: tuple[str, ...] = ()
    wanted: str | None = None


MENDS = (
    Mend("utf-16-to-utf-8", "UTF-16 with a byte-order mark is written as UTF-8.", ("FT101",)),
    Mend("byte-order-mark-removed", "A byte-order mark is removed.", ("FT102", "FT106")),
    Mend("byte-order-mark-added", "A byte-order mark is added where the platform wants one.", ("FT102",)),
    Mend("crlf-to-lf", "Lines that end with CRLF end with LF.", ("FT103", "FT117")),
    Mend("cr-to-lf", "Lines that end with a lone CR end with LF.", ("FT104", "FT117")),
    Mend("last-line-end-added", "The last line gets the line end that it lacked."),
    Mend("blank-line-dropped", "A blank line is left out.", ("FT105",)),
    Mend("comment-removed", "A comment outside the texts is left out.", ("FT124",)),
    Mend(
        "trailing-comma-removed", "A comma after the last item, or after the object, is removed.", ("FT122",)
    ),
    Mend("quotes-made-double", "A text in single quotes, as Python prints it, gets double ones.", ("FT123",)),
    Mend("python-word-replaced", "True, False and None become true, false and null.", ("FT126",)),
    Mend(
        "control-character-escaped",
        "A bare tab, line break or other control in a text is escaped.",
        ("FT106",),
    ),
    Mend("line-separator-escaped", "U+2028, U+2029 and U+0085 are written as escapes.", ("FT127",)),
    Mend("lines-joined", "A value that goes over several lines is written on one.", ("FT106",)),
    Mend("objects-put-on-lines", "Several objects on one line get a line each.", ("FT125",)),
    Mend("array-unwrapped", "The objects of a JSON array get a line each.", ("FT107",)),
    Mend("equal-key-dropped", "A key that stands twice with the same value is written once.", ("FT109",)),
    Mend("messages-decoded", "Messages that are a JSON text become the list that it says.", ("FT202",)),
    Mend("role-made-plain", "A role is written in small letters, without spaces around it.", ("FT207",)),
    Mend("weight-made-whole", "A weight of true, false, 1.0 or 0.0 becomes 1 or 0.", ("FT217",)),
    Mend("arguments-made-text", "A call's arguments that are an object become its JSON text.", ("FT224",)),
    Mend(
        "role-renamed", "The roles human, gpt, chatgpt, bot, ai and model are renamed.", ("FT206",), "aliases"
    ),
    Mend("conversation-renamed", "ShareGPT's conversations become messages.", ("FT201",), "aliases"),
    Mend(
        "keys-renamed", "A message's from and value become role and content.", ("FT205", "FT208"), "aliases"
    ),
    Mend(
        "functions-made-tools",
        "Legacy functions and calls become tools and tool calls.",
        ("FT270", "FT272"),
        "aliases",
    ),
)

_BY_NAME = {mend.name: mend for mend in MENDS}


def mends_of(code: str) -> tuple[Mend, ...]:
    """The mends that take away (some of) a rule's findings; none where a person must decide."""
    return tuple(mend for mend in MENDS if code in mend.codes)


@dataclass(frozen=True, slots=True)
class Change:
    """What was changed at a line of the source. ``count``: at how many places of the row, or of how many
    lines of the file, where ``line`` and ``before`` tell the first of them only."""

    mend: str
    line: int
    before: str | None = None
    after: str | None = None
    at: tuple[Key, ...] = ()
    count: int = 1

    def entry(self) -> dict[str, Any]:
        """The change as the log tells it."""
        said: dict[str, Any] = {"line": self.line, "change": self.mend}
        if codes := _BY_NAME[self.mend].codes:
            said["code"] = codes[0]
        if self.count > 1:
            said["count"] = self.count
        shown = {"before": self.before, "after": self.after, "pointer": pointer_of(self.at)}
        return said | {key: _short(value) for key, value in shown.items() if value is not None}


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
