"""Rules for lines that give no row: what is on them is no JSON object."""

from __future__ import annotations

import gzip

from ftkit.validation import Case, fault_rule
from ftkit_validators.file.examples import GOOD

_TEMPLATE = {"template": {"user": "{text}", "assistant": "{label}"}}

not_json = fault_rule(
    "FT106",
    "not-json",
    "Each line must be one complete JSON value by itself. Readers of training files stop at the first line "
    "that is none, and the upload or the job fails.",
    bad=GOOD.replace(":", " ", 1),
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

not_mapped = fault_rule(
    "FT120",
    "not-mapped",
    "The template could not make a chat example of this row: a cell that it names is missing, empty, or "
    "holds something other than a text or a number.",
    bad=Case("text,label\n2+2?,\n", "data.csv", options=_TEMPLATE),
    good=Case("text,label\n2+2?,4\n", "data.csv", options=_TEMPLATE),
)

trailing_comma = fault_rule(
    "FT122",
    "trailing-comma",
    "A comma after the last item of a list or object, or after the object itself, is fine in Python and "
    "JavaScript and forbidden in JSON. Lines of JSON are not joined by commas either.",
    bad=GOOD.replace("]}", ",]}"),
    good=GOOD,
)

single_quotes = fault_rule(
    "FT123",
    "single-quotes",
    "JSON knows double quotes only. Single ones are what Python shows when a dict is printed or passed to "
    "str(): the file was written with print and not with json.dumps.",
    bad="{'messages': []}\n",
    good=GOOD,
)

comment = fault_rule(
    "FT124",
    "comment",
    "JSON has no comments, neither // nor /* */ nor #. Editors accept them in their own settings, platforms "
    "refuse the line.",
    bad=GOOD.replace("]}", "]} // sum"),
    good=GOOD,
)

two_objects = fault_rule(
    "FT125",
    "two-objects",
    "Two objects stand on one line: a line break between two examples was lost, often where two files were "
    "joined of which the first did not end with one. Readers refuse the line, or take the first object only.",
    bad=GOOD.strip() + GOOD,
    good=GOOD + GOOD,
)

nan_or_infinity = fault_rule(
    "FT121",
    "nan-or-infinity",
    "NaN and Infinity are numbers in Python, whose json module writes them unless it is told not to "
    "(allow_nan=False), and are no JSON. They mostly come from an empty cell of a table.",
    bad=GOOD.replace("]}", '], "metadata": {"score": NaN}}'),
    good=GOOD.replace("]}", '], "metadata": {"score": "0.5"}}'),
)

python_word = fault_rule(
    "FT126",
    "python-word",
    "True, False and None are Python's words; JSON writes true, false and null. The file was written with "
    "print or str() and not with json.dumps.",
    bad=GOOD.replace("]}", '], "metadata": {"checked": True}}'),
    good=GOOD.replace("]}", '], "metadata": {"checked": true}}'),
)

RULES = (
    not_json,
    json_array,
    not_an_object,
    damaged_source,
    too_deep,
    not_mapped,
    nan_or_infinity,
    trailing_comma,
    single_quotes,
    comment,
    two_objects,
    python_word,
)
