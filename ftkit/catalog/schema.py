"""What the catalog knows of a provider and of a model, as checked types.

Every figure that ftkit did not measure stands in a group that names its ``source`` and the
day it was read (``as_of``). What is not known is None: never zero, never a guess.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

TuningMethod = Literal["sft", "dpo", "rft"]
RuleLevel = Literal["error", "warning", "info", "off"]
Feature = Literal["batches", "chat", "checkpoints", "events", "files", "jobs", "models", "pause", "uploads"]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sourced(_Entry):
    """A group of figures with the place and day they were read from."""

    source: str | None = None
    as_of: date | None = None


class ProviderLimits(Sourced):
    """What one platform accepts. Bytes are bytes, windows are as sent (``"24h"``).

    ``max_training_tokens`` is what one job may read: the tokens of its file times its epochs.
    ``batch_enqueued_tokens`` is what all batches of a model that have not ended may hold together;
    ``upload_part_bytes`` one part of an upload in parts, ``upload_bytes`` the whole of it.
    """

    training_file_bytes: int | None = Field(default=None, gt=0)
    min_examples: int | None = Field(default=None, ge=1)
    max_examples: int | None = Field(default=None, ge=1)
    max_training_tokens: int | None = Field(default=None, gt=0)
    images_per_example: int | None = Field(default=None, ge=0)
    image_bytes: int | None = Field(default=None, gt=0)
    examples_with_images: int | None = Field(default=None, ge=0)
    batch_requests: int | None = Field(default=None, gt=0)
    batch_bytes: int | None = Field(default=None, gt=0)
    batch_windows: tuple[str, ...] = ("24h",)
    batch_enqueued_tokens: int | None = Field(default=None, gt=0)
    upload_part_bytes: int | None = Field(default=None, gt=0)
    upload_bytes: int | None = Field(default=None, gt=0)
    requests_per_minute: int | None = Field(default=None, gt=0)
    tokens_per_minute: int | None = Field(default=None, gt=0)
    concurrent_requests: int | None = Field(default=None, gt=0)


class Dialect(_Entry):
    """How a platform's words differ from OpenAI's: field names, status names, refused fields.

    ``*_request`` speak of inference requests, ``*_message`` of the messages in them, ``*_job_request`` of
    the creation of a fine-tuning job, ``drop_batch_request`` of that of a batch. What is dropped changes no
    answer, what is refused would.

    ``job_methods`` are the methods that a job may have, in the words of the API (``"supervised"``); where
    there are none, they are not known and any is sent. ``hyperparameters`` holds for a method the names
    that the platform knows; another one is refused, because a platform that ignores it trains something
    else. ``takes_auto`` is False where ``"auto"`` is no value, and leaving the field out says the same.
    ``supervised`` is the place of the hyperparameters of supervised training: the field
    ``hyperparameters``, which any platform has, ``method.supervised.hyperparameters`` as OpenAI wants them
    today (``"method"``), or ``method.supervised`` itself (``"flat"``).

    ``mapper`` names the platform whose code in :mod:`ftkit.gateway.dialects` says what data cannot.
    """

    rename_request: dict[str, str] = {}
    drop_request: tuple[str, ...] = ()
    refuse_request: tuple[str, ...] = ()
    drop_message: tuple[str, ...] = ()
    refuse_message: tuple[str, ...] = ()
    drop_job_request: tuple[str, ...] = ()
    refuse_job_request: tuple[str, ...] = ()
    drop_batch_request: tuple[str, ...] = ()
    job_methods: tuple[str, ...] = ()
    hyperparameters: dict[str, tuple[str, ...]] = {}
    supervised: Literal["hyperparameters", "method", "flat"] = "hyperparameters"
    takes_auto: bool = True
    job_status: dict[str, str] = {}
    batch_status: dict[str, str] = {}
    suffix_field: str = "suffix"
    training_file_bom: Literal["refused", "required", "accepted"] = "refused"
    mapper: str | None = None


class AutoEpochs(Sourced):
    """How often a platform goes through a file where it is asked to choose (``n_epochs = "auto"``).

    ``target`` times, more often where that makes fewer than ``min_examples`` in all and less often where it
    makes more than ``max_examples``, within ``least`` and ``most``. ``rounded`` is how it divides: to the
    nearest whole number in place of the next lower one.
    """

    target: int = Field(ge=1)
    least: int = Field(ge=1)
    most: int = Field(ge=1)
    min_examples: int | None = Field(default=None, ge=1)
    max_examples: int | None = Field(default=None, ge=1)
    rounded: bool = False

    def of(self, examples: int) -> int:
        """The epochs for a file of so many examples."""
        total = self.target * examples
        if self.min_examples is not None and total < self.min_examples:
            wanted = self.min_examples / max(1, examples)
            return min(self.most, max(self.least, round(wanted) if self.rounded else int(wanted)))
        if self.max_examples is not None and total > self.max_examples:
            return max(self.least, self.max_examples // examples)
        return self.target


class Provider(Sourced):
    """One OpenAI-compatible platform.

    ``lacks`` names what it does not have: ``uploads`` are files in parts, ``pause`` is to halt a job and to
    let it go on. ``closed`` is the day it ended, or True where it has ended and the day is not known.
    ``rules`` says by code how severe a finding of ``ftkit validate`` is on this platform, where that differs.
    """

    name: str
    title: str
    base_url: str | None = None
    key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    local: bool = False
    limits: ProviderLimits = ProviderLimits()
    dialect: Dialect = Dialect()
    rules: dict[str, RuleLevel] = {}
    auto_epochs: AutoEpochs | None = None
    lacks: tuple[Feature, ...] = ()
    closed: date | Literal[True] | None = None
    notice: str | None = None


class BatchRates(NamedTuple):
    """US dollars per million tokens, and the share that a batch takes off (0 to 1)."""

    input: float | None
    output: float | None
    discount: float | None

    def dollars(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """What so many tokens cost in a batch; None where a price or the discount is not known."""
        if self.input is None or self.output is None:
            return None
        full = (prompt_tokens * self.input + completion_tokens * self.output) / 1e6
        if full == 0:
            return 0.0
        return None if self.discount is None else full * (1 - self.discount)


class Price(Sourced):
    """US dollars per million tokens; ``batch_discount`` is the share taken off, 0 to 1.

    ``tuned_*`` are the prices of fine-tuned models. ``tuned_batch_*`` stand where the batch price
    of a fine-tuned model does not follow from the discount.
    """

    train: float | None = Field(default=None, ge=0)
    input: float | None = Field(default=None, ge=0)
    output: float | None = Field(default=None, ge=0)
    tuned_input: float | None = Field(default=None, ge=0)
    tuned_output: float | None = Field(default=None, ge=0)
    tuned_batch_input: float | None = Field(default=None, ge=0)
    tuned_batch_output: float | None = Field(default=None, ge=0)
    batch_discount: float | None = Field(default=None, ge=0, le=1)

    def batch_rates(self, *, tuned: bool) -> BatchRates:
        """The prices of a batch of the base model, or of a model tuned from it."""
        if not tuned:
            return BatchRates(self.input, self.output, self.batch_discount)
        if self.tuned_batch_input is not None and self.tuned_batch_output is not None:
            return BatchRates(self.tuned_batch_input, self.tuned_batch_output, 0.0)
        return BatchRates(self.tuned_input, self.tuned_output, self.batch_discount)


class ModelLimits(Sourced):
    """Tokens: the inference context, the training context of one example, the longest reply."""

    inference_context: int | None = Field(default=None, gt=0)
    training_context: int | None = Field(default=None, gt=0)
    max_output: int | None = Field(default=None, gt=0)


class PictureTokens(Sourced):
    """What a picture costs, in tokens: ``base`` each, and at high detail ``tile`` for each square of it."""

    base: int = Field(ge=0)
    tile: int = Field(ge=0)


class Shutdown(Sourced):
    """When a model stops answering, and when new fine-tuning of it stops."""

    on: date | None = None
    no_new_jobs_after: date | None = None


class Rates(Sourced):
    """How fast one model may be asked; None is "as its platform allows".

    ``burst`` is ``[requests, seconds]``: so many may start within any so many seconds.
    """

    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    input_tokens_per_minute: float | None = Field(default=None, gt=0)
    output_tokens_per_minute: float | None = Field(default=None, gt=0)
    concurrent_requests: int | None = Field(default=None, gt=0)
    burst: tuple[Annotated[int, Field(gt=0)], Annotated[float, Field(gt=0)]] | None = None


class Model(_Entry):
    """One model of one provider, with what is needed to count, check and price its use.

    ``tuned_prefixes`` are the beginnings of its fine-tuned models' ids where they are not
    OpenAI's ``ft:ID:...``.

    A model may be answered by other means than its provider: ``hook`` names a Python object,
    ``module:attribute``, that asks a service; ``litellm`` is its name for LiteLLM
    (``anthropic/claude-...``). ``key_env`` is then the variable of its key, and ``options`` is given to the
    hook, or to LiteLLM with each request.
    """

    id: str
    provider: str
    title: str | None = None
    tokenizer: str | None = None
    chat_template: str | None = None
    limits: ModelLimits = ModelLimits()
    price: Price = Price()
    pictures: PictureTokens | None = None
    tunable: tuple[TuningMethod, ...] = ()
    shutdown: Shutdown = Shutdown()
    aliases: tuple[str, ...] = ()
    tuned_prefixes: tuple[str, ...] = ()
    notice: str | None = None
    rates: Rates = Rates()
    hook: str | None = Field(default=None, pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$")
    litellm: str | None = Field(default=None, min_length=1)
    key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    options: dict[str, Any] = {}

    def __hash__(self) -> int:
        """By its name alone: rules remember what they know of a model, and ``options`` cannot be hashed."""
        return hash((self.provider, self.id))

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.hook is not None and self.litellm is not None:
            raise ValueError("it is asked by a hook or through LiteLLM, not by both")
        return self
