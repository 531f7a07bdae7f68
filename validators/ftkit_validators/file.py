"""Family FT1xx: the file itself, before anything is known of what its rows mean."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

from ftkit.validation import Case, Context, FileFacts, Found, RowView, fault_rule, rule

GOOD = '{"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]}\n'
_TINY = {"providers": {"tiny": {"limits": {"training_file_bytes": 100, "min_examples": 2}}}}
_TEMPLATE = {"template": {"user": "{text}", "assistant": "{label}"}}

not_utf8 = fault_rule(
    "FT101",
    "not-utf8",
    "Every platform reads training files as UTF-8. A byte that is not UTF-8 makes it refuse the file, "
    "or turns the characters around it into garbage that the model then learns.",
    bad=GOOD.encode().replace(b"2+2?", b"caf\xe9?"),
    good=GOOD.replace("2+2?", "café?"),
)

not_json = fault_rule(
    "FT106",
    "not-json",
    "Each line must be one complete JSON value by itself. Readers of training files stop at the first line "
    "that is none, and the upload or the job fails.",
    bad="{'messages': []}\n",
    good=GOOD,
)

json_array = fault_rule(
    "FT107",
    "json-array",
    "The format is JSON lines: one object on each line, with nothing around or between them. A file that "
    "holds one JSON array is read as a single row, or not at all.",
    bad=f"[{GOOD.strip()}]\n",
    good=GOOD,
)

not_an_object = fault_rule(
    "FT108",
    "not-an-object",
    "A training example is a JSON object, so that its parts have names. A bare text, number or list is "
    "valid JSON but says nothing about which part is the question and which is the answer.",
    bad='"What is 2+2? 4"\n',
    good=GOOD,
)

line_too_long = fault_rule(
    "FT113",
    "line-too-long",
    "A single line of tens of megabytes is nearly always a file whose line breaks were lost. It is counted "
    "as one rejected row and not decoded, so that checking a file never needs more memory than one line.",
    bad=Case(GOOD.replace("2+2?", "2+2? " * 20), options={"max_line_bytes": 100}),
    good=Case(GOOD, options={"max_line_bytes": 100}),
)

damaged_source = fault_rule(
    "FT114",
    "damaged-source",
    "The source ends or breaks before its end: a packed file that was cut off or damaged, or a table with a "
    "row that does not fit its columns. The rows after that place cannot be read; none of them is counted.",
    bad=Case(gzip.compress(GOOD.encode(), mtime=0)[:-20], "data.jsonl.gz"),
    good=Case(gzip.compress(GOOD.encode(), mtime=0), "data.jsonl.gz"),
)

too_deep = fault_rule(
    "FT115",
    "too-deep",
    "Objects within objects thousands of levels deep are no training example. JSON readers refuse them to "
    "protect themselves, each at a depth of its own.",
    bad='{"a":' * 50_000 + "1" + "}" * 50_000 + "\n",
    good=GOOD,
)

lone_surrogate = fault_rule(
    "FT116",
    "lone-surrogate",
    "An escape such as \\ud83d is half of a character outside the basic plane. Alone it is no character, "
    "cannot be written as UTF-8, and fails in most readers. It comes from cutting a text within an emoji.",
    bad=GOOD.replace("2+2?", "\\ud83d"),
    good=GOOD.replace("2+2?", "\\ud83d\\ude00"),
)

not_mapped = fault_rule(
    "FT120",
    "not-mapped",
    "The template could not make a chat example of this row: a cell that it names is missing, empty, or "
    "holds something other than a text or a number.",
    bad=Case("text,label\n2+2?,\n", "data.csv", options=_TEMPLATE),
    good=Case("text,label\n2+2?,4\n", "data.csv", options=_TEMPLATE),
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
    if facts.lines and not facts.has_bom and wanted == "required":
        hint = "Save the file as UTF-8 with a byte-order mark ('utf-8-sig')."
        yield Found(f"{context.provider.title} wants a byte-order mark at the start", hint, line=1)


@rule("FT103", "crlf-line-ends", scope="file", severity="warning", bad=GOOD.replace("\n", "\r\n"), good=GOOD)
def crlf_line_ends(facts: FileFacts, context: Context) -> Iterator[Found]:
    """Lines end with CR and LF, as Windows writes them. JSON readers take the CR for white space, so this
    does no harm by itself, but tools that compare, count or cut files by bytes trip over it, the more so
    when a file mixes both kinds."""
    if facts.crlf:
        mixed = f", {facts.lf:,} with LF" if facts.lf else ""
        message = f"{_lines(facts.crlf)} with CRLF{mixed}"
        yield Found(message, "Save with LF line ends.", line=facts.first_crlf)


@rule("FT104", "cr-line-ends", scope="file", bad=GOOD.replace("\n", "\r") * 2, good=GOOD * 2)
def cr_line_ends(facts: FileFacts, context: Context) -> Iterator[Found]:
    """Lines end with a lone CR, as on very old Macs. Platforms cut lines at LF, so that the whole file is one
    line to them, with several objects on it."""
    if facts.cr:
        message = f"{_lines(facts.cr)} with a lone CR"
        yield Found(message, "Save with LF line ends.", line=facts.first_cr)


blank_line = fault_rule(
    "FT105",
    "blank-line",
    "A blank line is no example. Some readers pass over it, others fail on it; it also moves every line "
    "number that comes after it.",
    bad=GOOD + "\n" + GOOD,
    good=GOOD + GOOD,
    severity="warning",
)


@rule("FT109", "duplicate-key", bad=GOOD.replace('"role"', '"content": "x", "role"', 1), good=GOOD)
def duplicate_key(row: RowView) -> Iterator[Found]:
    """An object has the same key twice. JSON does not say which of them counts: most readers take the last,
    some the first, some refuse. One of the two values is lost without a word."""
    raw = row.raw
    if raw is None or _most_keys(raw) == _keys(row.value):
        return
    twice: list[str] = []
    json.loads(raw, object_pairs_hook=lambda pairs: _collect(pairs, twice))
    for key in dict.fromkeys(twice):
        yield Found(f"the key {key!r} stands twice in one object", "Keep one of them.")


def _lines(number: int) -> str:
    return "1 line ends" if number == 1 else f"{number:,} lines end"


def _most_keys(raw: bytes) -> int:
    """At least as many as there are keys in the text; nearly always just as many, and quickly counted.

    A key is followed by a quote and a colon, or by a blank and a colon. A quote behind one backslash ends
    nothing; behind two it may.
    """
    quoted = raw.count(b'":') - raw.count(b'\\":') + raw.count(b'\\\\":')
    return quoted + raw.count(b" :") + raw.count(b"\t:")


def _keys(value: Any) -> int:
    """How many keys all objects in ``value`` have together."""
    number, stack = 0, [value]
    while stack:
        item = stack.pop()
        if type(item) is dict:
            number += len(item)
            stack += [v for v in item.values() if type(v) is dict or type(v) is list]
        else:
            stack += [v for v in item if type(v) is dict or type(v) is list]
    return number


def _collect(pairs: list[tuple[str, Any]], twice: list[str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            twice.append(key)
        made[key] = value
    return made


@rule("FT110", "empty-file", scope="file", bad="\n", good=GOOD)
def empty_file(facts: FileFacts, context: Context) -> Iterator[Found]:
    """There is no row in the file. A platform refuses it, or makes a job that trains on nothing."""
    if not facts.rows:
        yield Found("there is no example in it", "Check that this is the right file.")


@rule("FT111", "too-many-bytes", scope="file", bad=Case(GOOD * 2, platform="tiny", settings=_TINY), good=GOOD)
def too_many_bytes(facts: FileFacts, context: Context) -> Iterator[Found]:
    """The file is larger than the platform takes. It is refused at the end of the upload, however long that
    took."""
    most = context.provider.limits.training_file_bytes
    if most is not None and facts.bytes is not None and facts.bytes > most:
        what = f"the file has {facts.bytes:,} bytes; {context.provider.title} takes {most:,}"
        yield Found(what, "Take a sample, for example: ftkit split DATA --train 0.5 --out DIR.")


@rule("FT112", "too-few-examples", scope="file", bad=GOOD, good=GOOD * 10)
def too_few_examples(facts: FileFacts, context: Context) -> Iterator[Found]:
    """The platform wants more examples than there are without errors. The job would be refused; and a model
    learns little from so few."""
    least = context.provider.limits.min_examples
    if least is not None and facts.rows > 0 and facts.accepted < least:
        bad = facts.rows - facts.accepted
        less = f" ({bad:,} more with errors)" if bad else ""
        usable = f"{facts.accepted:,} usable example{'' if facts.accepted == 1 else 's'}{less}"
        what = f"{usable}; {context.provider.title} wants at least {least}"
        yield Found(what, "Add examples, or mend those that have errors.")


RULES = (
    not_utf8,
    byte_order_mark,
    crlf_line_ends,
    cr_line_ends,
    blank_line,
    not_json,
    json_array,
    not_an_object,
    duplicate_key,
    empty_file,
    too_many_bytes,
    too_few_examples,
    line_too_long,
    damaged_source,
    too_deep,
    lone_surrogate,
    not_mapped,
)
