"""Rules on the bytes of the text: its encoding, marks, and characters that trip readers."""

from __future__ import annotations

from collections.abc import Iterator

from ftkit.validation import Context, FileFacts, Found, fault_rule, rule
from ftkit_validators.file.examples import GOOD

not_utf8 = fault_rule(
    "FT101",
    "not-utf8",
    "Every platform reads training files as UTF-8. A byte that is not UTF-8 makes it refuse the file, "
    "or turns the characters around it into garbage that the model then learns.",
    bad=GOOD.encode().replace(b"2+2?", b"caf\xe9?"),
    good=GOOD.replace("2+2?", "café?"),
)

lone_surrogate = fault_rule(
    "FT116",
    "lone-surrogate",
    "An escape such as \\ud83d is half of a character outside the basic plane. Alone it is no character, "
    "cannot be written as UTF-8, and fails in most readers. It comes from cutting a text within an emoji.",
    bad=GOOD.replace("2+2?", "\\ud83d"),
    good=GOOD.replace("2+2?", "\\ud83d\\ude00"),
)

nul = fault_rule(
    "FT118",
    "nul",
    "A NUL character stands in a text as it is. JSON forbids that, and readers written in C stop at it. It "
    "is a sign of a file that was damaged, padded, or written in another encoding.",
    bad=GOOD.replace("2+2?", "2+2?\0"),
    good=GOOD,
)


@rule("FT102", "byte-order-mark", scope="file", bad="\ufeff" + GOOD, good=GOOD)
def byte_order_mark(facts: FileFacts, context: Context) -> Iterator[Found]:
    """A byte-order mark (EF BB BF) at the start of the file is invisible in editors. Most platforms read it
    as a part of the first line, which then is no JSON; Azure OpenAI on the other hand asks for it. Which of
    the two holds is the platform's own rule, from the catalog."""
    wanted = context.provider.dialect.training_file_bom
    if facts.has_bom and wanted == "refused":
        hint = "Save the file as UTF-8 without a byte-order mark ('utf-8', not 'utf-8-sig')."
        yield Found("the file begins with a byte-order mark", hint, line=1)
    if facts.lines and not facts.has_bom and not facts.utf16 and wanted == "required":
        hint = "Save the file as UTF-8 with a byte-order mark ('utf-8-sig')."
        yield Found(f"{context.provider.title} wants a byte-order mark at the start", hint, line=1)


@rule(
    "FT119",
    "nul-escape",
    scope="file",
    severity="warning",
    bad=GOOD.replace("2+2?", "2+2?\\u0000"),
    good=GOOD,
)
def nul_escape(facts: FileFacts, context: Context) -> Iterator[Found]:
    """The escape \\u0000 is good JSON, but the NUL character that it stands for is refused by every platform
    that keeps its data in PostgreSQL, whose texts cannot hold it, and it ends the text for readers in C."""
    if facts.nul_escapes:
        many = facts.nul_escapes > 1
        what = f"{facts.nul_escapes:,} line{'s hold' if many else ' holds'} the escape \\u0000"
        hint = f"Remove it; the {'first' if many else 'place'} is in this line."
        yield Found(what, hint, line=facts.first_nul_escape)


@rule(
    "FT127",
    "line-separator",
    scope="file",
    severity="info",
    bad=GOOD.replace("2+2?", "2+2\u2028?"),
    good=GOOD.replace("2+2?", "2+2\\u2028?"),
)
def line_separator(facts: FileFacts, context: Context) -> Iterator[Found]:
    """The characters U+2028, U+2029 and U+0085 may stand in JSON as they are, but many text readers take them
    for line ends (Python's str.splitlines does) and then cut the row in two. Written as escapes, such as
    \\u2028, they are safe and mean the same."""
    if facts.separators:
        many = facts.separators > 1
        what = f"{facts.separators:,} line{'s hold' if many else ' holds'} U+2028, U+2029 or U+0085 unescaped"
        yield Found(what, "Write them as escapes, or as \\n.", line=facts.first_separator)


RULES = (not_utf8, byte_order_mark, lone_surrogate, nul, nul_escape, line_separator)
