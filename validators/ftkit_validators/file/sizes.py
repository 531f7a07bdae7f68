"""Rules on how much there is: nothing, too little, more than the platform takes."""

from __future__ import annotations

from collections.abc import Iterator

from ftkit.validation import Case, Context, FileFacts, Found, fault_rule, rule
from ftkit_validators.file.examples import GOOD, TINY

_SAMPLE = "Take a sample, for example: ftkit split DATA --train 0.5 --out DIR."


def _tiny(content: str, *limits: str) -> Case:
    """Content for a platform with these of the tiny limits."""
    given = {"limits": {name: TINY[name] for name in limits}}
    return Case(content, platform="tiny", settings={"providers": {"tiny": given}})


line_too_long = fault_rule(
    "FT113",
    "line-too-long",
    "A single line of tens of megabytes is nearly always a file whose line breaks were lost. It is counted "
    "as one rejected row and not decoded, so that checking a file never needs more memory than one line.",
    bad=Case(GOOD.replace("2+2?", "2+2? " * 20), options={"max_line_bytes": 100}),
    good=Case(GOOD, options={"max_line_bytes": 100}),
)


@rule("FT110", "empty-file", scope="file", bad="\n", good=GOOD)
def empty_file(facts: FileFacts, context: Context) -> Iterator[Found]:
    """There is no row in the file. A platform refuses it, or makes a job that trains on nothing."""
    if not facts.rows:
        yield Found("there is no example in it", "Check that this is the right file.")


@rule("FT111", "too-many-bytes", scope="file", bad=_tiny(GOOD * 2, "training_file_bytes"), good=GOOD)
def too_many_bytes(facts: FileFacts, context: Context) -> Iterator[Found]:
    """The file is larger than the platform takes. It is refused at the end of the upload, however long that
    took. A packed file counts as it is uploaded, packed."""
    most = context.provider.limits.training_file_bytes
    size = facts.bytes if facts.file_bytes is None else facts.file_bytes
    if most is not None and size is not None and size > most:
        yield Found(f"the file has {size:,} bytes; {context.provider.title} takes {most:,}", _SAMPLE)


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


@rule("FT128", "too-many-examples", scope="file", bad=_tiny(GOOD * 4, "max_examples"), good=GOOD)
def too_many_examples(facts: FileFacts, context: Context) -> Iterator[Found]:
    """The file has more examples than the platform takes in one. It is refused when the job begins, or cut
    off at the limit without a word."""
    most = context.provider.limits.max_examples
    if most is not None and facts.rows > most:
        yield Found(f"{facts.rows:,} examples; {context.provider.title} takes {most:,}", _SAMPLE)


RULES = (empty_file, too_many_bytes, too_few_examples, line_too_long, too_many_examples)
