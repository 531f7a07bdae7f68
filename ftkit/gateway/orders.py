"""A fine-tuning job as it is ordered: every parameter of OpenAI's API, typed and checked before it is sent.

The names and kinds are those of the openai package (``openai.types.fine_tuning``); a platform's dialect
is applied when the order is sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, field_validator
from pydantic import model_validator as whole

from ftkit.errors import UsageError
from ftkit.gateway.graders import check_grader

AUTO: Literal["auto"] = "auto"
LONGEST_SUFFIX = 64
MOST_METADATA = 15
"""OpenAI takes 16 pairs (API reference, "Metadata"); ftkit keeps one, by which a lost job is found."""

_KINDS = ("supervised", "dpo", "reinforcement")
_CONFIG = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
Order = TypeVar("Order", bound="JobOrder")


def _number(kind: type[int] | type[float], words: str) -> Callable[[Any], Any]:
    """A check for ``"auto"`` or a number above zero, which says what is wrong in one sentence."""

    def check(value: Any) -> Any:
        if value == AUTO:
            return value
        whole_or_not = isinstance(value, int) or (kind is float and isinstance(value, float))
        if isinstance(value, bool) or not whole_or_not or not 0 < value < float("inf"):
            raise ValueError(f"{value!r} is neither {words} nor 'auto'")
        return value

    return check


Count = Annotated[int | Literal["auto"], PlainValidator(_number(int, "a whole number of at least 1"))]
Factor = Annotated[int | float | Literal["auto"], PlainValidator(_number(float, "a number above zero"))]


class Hyperparameters(BaseModel):
    """Of supervised training. None leaves the platform's default, ``"auto"`` asks it to choose.

    ``extra`` holds what a platform takes beyond OpenAI's (``lora`` of Nebius, ...), sent as it is.
    """

    model_config = _CONFIG

    n_epochs: Count | None = None
    batch_size: Count | None = None
    learning_rate_multiplier: Factor | None = None
    extra: dict[str, Any] = {}

    def plain(self) -> dict[str, Any]:
        """Those that were given, as they are sent."""
        return {**self.model_dump(exclude_none=True, exclude={"extra"}), **self.extra}


class DpoHyperparameters(Hyperparameters):
    """Of direct preference optimisation. A higher ``beta`` keeps the model nearer to its base."""

    beta: Factor | None = None


class ReinforcementHyperparameters(Hyperparameters):
    """Of reinforcement training. ``eval_interval`` counts steps, ``eval_samples`` answers each time."""

    eval_interval: Count | None = None
    eval_samples: Count | None = None
    compute_multiplier: Factor | None = None
    reasoning_effort: Literal["default", "low", "medium", "high"] | None = None


class Supervised(BaseModel):
    """Learn to give the replies of the examples."""

    model_config = _CONFIG

    type: Literal["supervised"] = "supervised"
    hyperparameters: Hyperparameters = Hyperparameters()


class Dpo(BaseModel):
    """Learn to prefer one reply to another."""

    model_config = _CONFIG

    type: Literal["dpo"] = "dpo"
    hyperparameters: DpoHyperparameters = DpoHyperparameters()


class Reinforcement(BaseModel):
    """Learn from what a ``grader`` says of the model's own replies.

    ``response_format`` makes these replies JSON of a schema (OpenAI's guide "Reinforcement fine-tuning").
    """

    model_config = _CONFIG

    type: Literal["reinforcement"] = "reinforcement"
    grader: dict[str, Any]
    hyperparameters: ReinforcementHyperparameters = ReinforcementHyperparameters()
    response_format: dict[str, Any] | None = None

    _known = field_validator("grader")(check_grader)


Method = Annotated[Supervised | Dpo | Reinforcement, Field(discriminator="type")]


class Wandb(BaseModel):
    """Weights & Biases: the project that the platform sends the run's metrics to."""

    model_config = _CONFIG

    project: Annotated[str, Field(min_length=1)]
    name: str | None = None
    entity: str | None = None
    tags: Annotated[tuple[str, ...], Field(strict=False)] = ()

    def plain(self) -> dict[str, Any]:
        """The integration as it is sent."""
        said = self.model_dump(exclude_none=True, exclude={"tags"})
        return {"type": "wandb", "wandb": said | ({"tags": list(self.tags)} if self.tags else {})}


class JobOrder(BaseModel):
    """One fine-tuning job. Raises UsageError, with everything that is wrong at once.

    ``training_file`` and ``validation_file`` are ids of uploaded files; :func:`ftkit.lifecycle.launch`
    also takes paths there, and uploads them. Limits: a suffix has 1 to 64 characters, metadata at most
    16 pairs with keys of 64 and values of 512 characters (the openai package, ``job_create_params.py``);
    ftkit keeps one of the pairs for itself.
    """

    model_config = _CONFIG

    model: Annotated[str, Field(min_length=1)]
    training_file: Annotated[str, Field(min_length=1)]
    validation_file: Annotated[str, Field(min_length=1)] | None = None
    method: Method = Supervised()
    suffix: str | None = None
    seed: Annotated[int, Field(ge=0)] | None = None
    metadata: dict[str, str] = {}
    integrations: Annotated[tuple[Wandb, ...], Field(strict=False)] = ()

    @whole(mode="wrap")
    @classmethod
    def _in_words(cls: type[Order], data: Any, check: Callable[[Any], Order]) -> Order:
        try:
            return check(data)
        except ValidationError as error:
            faults = [_said(item) for item in error.errors(include_url=False)]
            raise UsageError("; ".join(faults)) from None

    @field_validator("suffix")
    @classmethod
    def _short(cls, suffix: str | None) -> str | None:
        if suffix is not None and not 1 <= len(suffix) <= LONGEST_SUFFIX:
            raise ValueError(f"it has {len(suffix)} characters; 1 to {LONGEST_SUFFIX} are taken")
        return suffix

    @field_validator("metadata")
    @classmethod
    def _few(cls, metadata: dict[str, str]) -> dict[str, str]:
        if len(metadata) > MOST_METADATA:
            raise ValueError(
                f"{len(metadata)} pairs; {MOST_METADATA} are taken (the API takes 16, ftkit uses one)"
            )
        for key, value in metadata.items():
            if not 1 <= len(key) <= 64:
                raise ValueError(f"the key {key[:70]!r} has {len(key)} characters; 1 to 64 are taken")
            if len(value) > 512:
                raise ValueError(f"the value of {key!r} has {len(value)} characters; at most 512 are taken")
        return metadata

    @property
    def identity(self) -> dict[str, Any]:
        """What makes two orders the same: all but the metadata, which changes nothing of the training."""
        return {name: value for name, value in self.request().items() if name != "metadata"}

    def request(self) -> dict[str, Any]:
        """The body of the request in OpenAI's words; what was not given is not in it."""
        body: dict[str, Any] = {
            "model": self.model,
            "training_file": self.training_file,
            "validation_file": self.validation_file,
            "method": self._method(),
            "suffix": self.suffix,
            "seed": self.seed,
            "metadata": dict(self.metadata) or None,
            "integrations": [one.plain() for one in self.integrations] or None,
        }
        return {name: value for name, value in body.items() if value is not None}

    def _method(self) -> dict[str, Any] | None:
        """The method in OpenAI's form; None for supervised training with nothing chosen."""
        method, given = self.method, self.method.hyperparameters.plain()
        inner: dict[str, Any] = {"hyperparameters": given} if given else {}
        if isinstance(method, Reinforcement):
            inner |= {"grader": method.grader}
            inner |= {"response_format": method.response_format} if method.response_format else {}
        if isinstance(method, Supervised) and not inner:
            return None
        return {"type": method.type, method.type: inner}


def method_of(name: str, hyperparameters: Mapping[str, Any], **parts: Any) -> dict[str, Any]:
    """A method by its name, for :class:`JobOrder`; hyperparameters unknown to OpenAI are ``extra``."""
    kinds = {"supervised": Hyperparameters, "dpo": DpoHyperparameters}
    known = kinds.get(name, ReinforcementHyperparameters).model_fields.keys() - {"extra"}
    given = {key: value for key, value in hyperparameters.items() if key in known}
    extra = {key: value for key, value in hyperparameters.items() if key not in known and value is not None}
    return {"type": name, "hyperparameters": {**given, "extra": extra}, **parts}


def _said(item: Any) -> str:
    """One fault of an order in a person's words."""
    place = ".".join(str(part) for part in item["loc"] if part not in _KINDS)
    if item["type"] == "extra_forbidden":
        kind = next((part for part in item["loc"] if part in _KINDS), None)
        if kind is not None:
            return f"{item['loc'][-1]} is no parameter of {kind} training"
        return f"{place} is no parameter of a job"
    if item["type"] == "missing":
        return f"{place} is missing"
    if item["type"] == "string_too_short":
        return f"{place} is empty"
    if item["type"] == "union_tag_invalid":
        return f"{place}: {item['ctx']['tag']!r} is none of supervised, dpo and reinforcement"
    text = re.sub(r"^(Value error, |Input )", "", item["msg"])
    shown = f" (it is {item['input']!r})" if item["type"] != "value_error" and _short(item["input"]) else ""
    return f"{place}: {text}{shown}" if place else text


def _short(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and len(repr(value)) <= 60
