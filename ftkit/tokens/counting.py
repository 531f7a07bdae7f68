"""Counting the tokens of whole examples as a model's platform counts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from ftkit.catalog.schema import PictureTokens
from ftkit.errors import ConfigurationError, DataError, TokenizerMissing, UsageError
from ftkit.tokens.bound import BoundTokenizer
from ftkit.tokens.conversations import Conversation, conversations_of
from ftkit.tokens.layout import Cut, Laid, cut_of, lay_out, shares
from ftkit.tokens.pictures import Uncountable
from ftkit.tokens.plain import PlainCounter, PlainRow, plain_row
from ftkit.tokens.templates import OVERHEAD, TEMPLATES
from ftkit.tokens.tokenizer import Tokenizer, get_tokenizer


class CountedModel(Protocol):
    """What must be known of a model to count for it; `ftkit.catalog.Model` has it."""

    @property
    def id(self) -> str:
        """The model's id."""
        ...

    @property
    def tokenizer(self) -> str | None:
        """The name that `get_tokenizer` takes."""
        ...

    @property
    def chat_template(self) -> str | None:
        """A name of `TEMPLATES`."""
        ...

    @property
    def pictures(self) -> PictureTokens | None:
        """What pictures cost, where that is published."""
        ...


class RowTokens(NamedTuple):
    """The tokens of an example.

    ``total``: of all its conversations, which is what is billed for an epoch. (What a preference example is
    billed is published nowhere; its input is read with both outputs, and is counted with both.)
    ``trained``: of what the model learns to say: contents and calls of assistant messages whose weight is
    not 0, without their frame; of a preference example those in both outputs; of a completion example the
    whole less the prompt by itself. ``longest``: of the longest conversation, which a limit is held against.
    """

    total: int
    trained: int
    longest: int


class NotCountable(DataError, ValueError):
    """The tokens of an example cannot be told, for the reason that the message says."""


@dataclass(frozen=True, slots=True)
class ExampleCounter:
    """A tokenizer together with a chat template, and what pictures cost where that is known."""

    tokenizer: Tokenizer
    template: str
    pictures: PictureTokens | None = None
    _plain: PlainCounter = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_plain", PlainCounter(self.tokenizer, self.template))

    @property
    def exact(self) -> bool:
        """Whether the numbers are counts; else each is an upper bound, for the vocabulary is missing."""
        return self.tokenizer.exact

    def count(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] | None = None
    ) -> int:
        """Return the tokens of a conversation, with what the template adds, and of its tools.

        Raises `NotCountable`, as for a picture whose size is not known.
        """
        conversation = Conversation(messages, tools or ())
        laid = lay_out(conversation, self.template, self.tokenizer.name, self.pictures)
        if isinstance(laid, Uncountable):
            raise NotCountable(laid.reason)
        return self._measure(laid).total

    def count_example(self, example: Mapping[str, Any]) -> int:
        """Return the ``total`` of an example of any kind. Raises `NotCountable`."""
        (counted,) = self.count_many([example])
        if isinstance(counted, Uncountable):
            raise NotCountable(counted.reason)
        return counted.total

    def count_many(self, examples: Sequence[Mapping[str, Any]]) -> list[RowTokens | Uncountable]:
        """Return the tokens of each example of any kind, in order; the fewer calls for many, the faster.

        What cannot be counted is said so in its place, and never raised.
        """
        plain = [plain_row(example) for example in examples]
        counted = iter(self.count_plain([row for row in plain if row is not None]))
        others = iter(self._count_others([e for e, row in zip(examples, plain, strict=True) if row is None]))
        return [next(others) if row is None else next(counted) for row in plain]

    def count_plain(self, rows: Sequence[PlainRow]) -> list[RowTokens]:
        """Return the tokens of plain examples, each given as (roles, contents) of its messages.

        Equal to what `count_many` says of ``{"messages": [{"role": ..., "content": ...}, ...]}``.
        """
        return [RowTokens(total, trained, total) for total, trained in self._plain.count(rows)]

    def message_counts(self, example: Mapping[str, Any]) -> list[int]:
        """Return the tokens of each message with its frame, in the longest conversation of ``example``.

        What belongs to no message (tools, a start token, what primes the reply) is in none of them.
        Raises `NotCountable`.
        """
        return shares(self._longest(example))

    def cut_at(self, example: Mapping[str, Any], limit: int) -> Cut | None:
        """Return where a platform that keeps ``limit`` tokens cuts ``example``; None where it fits.

        Messages are numbered as in its longest conversation. Raises `NotCountable`.
        """
        return cut_of(self._longest(example), limit, self.tokenizer)

    def upper_bound(self, line_bytes: int) -> int | None:
        """Return what ``longest`` cannot exceed for a line of so many bytes; see `overhead_of`."""
        overhead = overhead_of(self.tokenizer.name, self.template)
        return None if overhead is None else line_bytes + overhead

    def _longest(self, example: Mapping[str, Any]) -> Laid:
        laid = self._lay_out(example)
        if isinstance(laid, Uncountable):
            raise NotCountable(laid.reason)
        for each in laid:
            self._measure(each)
        return max(laid, key=lambda each: each.total)

    def _measure(self, laid: Laid) -> Laid:
        laid.take(iter(self.tokenizer.count_many(laid.texts())))
        return laid

    def _count_others(self, examples: Sequence[Mapping[str, Any]]) -> list[RowTokens | Uncountable]:
        """Lay out every example, count all of their texts together, and add up."""
        laid = [self._lay_out(example) for example in examples]
        known = [each for row in laid if not isinstance(row, Uncountable) for each in row]
        counts = iter(self.tokenizer.count_many([text for each in known for text in each.texts()]))
        for each in known:
            each.take(counts)
        return [row if isinstance(row, Uncountable) else _sum(row) for row in laid]

    def _lay_out(self, example: Mapping[str, Any]) -> list[Laid] | Uncountable:
        try:
            laid = [
                lay_out(each, self.template, self.tokenizer.name, self.pictures)
                for each in conversations_of(example)
            ]
        except (ValueError, RecursionError):
            return _TOO_DEEP
        known = [each for each in laid if isinstance(each, Laid)]
        bad = [each for each in laid if isinstance(each, Uncountable)]
        return bad[0] if bad else known or _NO_CONVERSATION


_NO_CONVERSATION = Uncountable("there is no conversation in it")
_TOO_DEEP = Uncountable("a tool or call is nested too deeply to be written out")


def _sum(laid: list[Laid]) -> RowTokens:
    totals = [each.total for each in laid]
    return RowTokens(sum(totals), sum(each.trained for each in laid), max(totals))


def overhead_of(tokenizer: str, template: str) -> int | None:
    """Return by how much the tokens of a conversation may exceed the bytes of its line; None if not provable.

    So ``len(line) + overhead_of(...) <= limit`` proves that a row fits, with no vocabulary. It holds for a
    line of JSON in UTF-8 whose messages have texts (or text parts, names, weights), but neither tools, calls
    nor pictures; of a preference example for each of its two conversations. Proof:

    - A token of a byte-level vocabulary is a byte or more, and JSON never writes a text in fewer bytes than
      its UTF-8 has: an escape of 6 characters stands for at most 3 bytes, of 2 for one.
    - A message of role R and content C is ``{"role":"R","content":"C"}``: 25 bytes and R and C. No template
      has more than 4 tokens about a message's role and content; Llama 3 writes ``tool`` with 3 bytes more;
      a name costs one token more than itself, and its key 10 bytes.
    - What stands once (at most 3 tokens, or 11 for Llama 3: a start token and the frame of a system
      message) is covered by ``{"messages":[]}``, 15 bytes. Llama 3's dates are not; their bytes are the
      overhead.

    Tokenizers of Hugging Face may normalize a text into a longer one: nothing is proven of them.
    """
    return None if tokenizer.startswith("hf:") else OVERHEAD.get(template)


def counter_for(model: CountedModel, *, upper_bound: bool = False) -> ExampleCounter:
    """Return the counter of a model of the catalog.

    Raises `ConfigurationError` where its tokenizer is not known, `TokenizerMissing` where it is not here;
    with ``upper_bound`` the latter gives a counter of upper bounds instead, which says so (``exact``).
    """
    setting = f'[models."{model.id}"]'
    if model.tokenizer is None:
        raise ConfigurationError(
            f"the tokenizer of {model.id} is not known, so that its tokens cannot be counted",
            hint=f'Name one in ftkit.toml: {setting} tokenizer = "o200k_base"',
        )
    template = model.chat_template or "generic"
    if template not in TEMPLATES:
        raise UsageError(
            f"there is no chat template {template!r} ({model.id})",
            hint=f"Known are: {', '.join(TEMPLATES)}. Set it in ftkit.toml: {setting} chat_template = ...",
        )
    try:
        tokenizer = get_tokenizer(model.tokenizer)
    except TokenizerMissing:
        if not upper_bound:
            raise
        tokenizer = BoundTokenizer(model.tokenizer)
    return ExampleCounter(tokenizer, template, model.pictures)
