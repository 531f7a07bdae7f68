"""Rules on how lines end, and on lines with nothing on them."""

from __future__ import annotations

from collections.abc import Iterator

from ftkit.validation import Context, FileFacts, Found, fault_rule, rule
from ftkit_validators.file.examples import GOOD

_LF = "Save with LF line ends."

blank_line = fault_rule(
    "FT105",
    "blank-line",
    "A blank line is no example. Some readers pass over it, others fail on it; it also moves every line "
    "number that comes after it.",
    bad=GOOD + "\n" + GOOD,
    good=GOOD + GOOD,
    severity="warning",
)


@rule("FT103", "crlf-line-ends", scope="file", severity="warning", bad=GOOD.replace("\n", "\r\n"), good=GOOD)
def crlf_line_ends(facts: FileFacts, context: Context) -> Iterator[Found]:
    """Lines end with CR and LF, as Windows writes them. JSON readers take the CR for white space, so this
    does no harm by itself, but tools that compare, count or cut files by bytes trip over it."""
    if facts.crlf and not facts.lf and not facts.cr and not facts.utf16:
        yield Found(f"{_lines(facts.crlf)} with CRLF", _LF, line=facts.first_crlf)


@rule("FT104", "cr-line-ends", scope="file", bad=GOOD.replace("\n", "\r") * 2, good=GOOD * 2)
def cr_line_ends(facts: FileFacts, context: Context) -> Iterator[Found]:
    """Lines end with a lone CR, as on very old Macs. Platforms cut lines at LF, so that the whole file is one
    line to them, with several objects on it."""
    if facts.cr and not facts.utf16:
        yield Found(f"{_lines(facts.cr)} with a lone CR", _LF, line=facts.first_cr)


@rule(
    "FT117",
    "mixed-line-ends",
    scope="file",
    severity="warning",
    bad=GOOD + GOOD.replace("\n", "\r\n"),
    good=GOOD + GOOD,
)
def mixed_line_ends(facts: FileFacts, context: Context) -> Iterator[Found]:
    """Lines of one file end in different ways: files from several systems were joined, or one was edited on
    another system. Tools that guess the line end from the first line cut the others wrongly, and two rows
    that look the same differ in their bytes."""
    ends = [(facts.lf, "LF"), (facts.crlf, "CRLF"), (facts.cr, "a lone CR")]
    found = [f"{count:,} with {name}" for count, name in ends if count]
    if len(found) > 1 and not facts.utf16:
        others = [line for line in (facts.first_crlf, facts.first_cr) if line is not None and line > 1]
        yield Found(f"lines end in different ways: {', '.join(found)}", _LF, line=min(others, default=1))


def _lines(number: int) -> str:
    return "1 line ends" if number == 1 else f"{number:,} lines end"


RULES = (crlf_line_ends, cr_line_ends, blank_line, mixed_line_ends)
