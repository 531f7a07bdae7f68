"""What may be set for the asking itself, by curator's names, and what it means for a platform."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from ftkit.errors import UsageError

if TYPE_CHECKING:
    from ftkit.catalog import Provider
    from ftkit.gateway import Pace
    from ftkit.settings import Settings


class OptionWords(TypedDict, total=False):
    """:class:`LLMOptions` as keyword arguments."""

    max_retries: int
    require_all_responses: bool
    base_url: str | None
    api_key: str | None
    request_timeout: float | None
    in_mtok_cost: float | None
    out_mtok_cost: float | None
    invalid_finish_reasons: tuple[str, ...] | list[str]
    max_requests_per_minute: float | None
    max_tokens_per_minute: float | None
    max_input_tokens_per_minute: float | None
    max_output_tokens_per_minute: float | None
    seconds_to_pause_on_rate_limit: float | None
    max_concurrent_requests: int | None
    batch_size: int | Literal["auto"]
    batch_check_interval: float | None
    delete_successful_batch_files: bool
    delete_failed_batch_files: bool
    completion_window: str


class LLMOptions(BaseModel):
    """How requests are asked; None leaves it to the settings and the platform's limits in the catalog.

    ``max_retries``: how often a request is asked again that failed for a reason that may pass, that ended
    for one of ``invalid_finish_reasons``, or whose answer has not the form. ``require_all_responses``: an
    OutcomeError where any row has no answer in the end. ``request_timeout``, ``batch_check_interval`` and
    ``seconds_to_pause_on_rate_limit`` are seconds, ``*_mtok_cost`` US dollars per million tokens, as they
    are paid (no discount is taken off). ``batch_size`` is the most requests of a batch, ``"auto"`` what the
    platform takes. ``delete_*_batch_files`` deletes batches' files on the platform when their answers are
    here: those of batches that completed, those of others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_retries: int = Field(default=3, ge=0)
    require_all_responses: bool = False
    base_url: str | None = None
    api_key: SecretStr | None = None
    request_timeout: float | None = Field(default=None, gt=0)
    in_mtok_cost: float | None = Field(default=None, ge=0)
    out_mtok_cost: float | None = Field(default=None, ge=0)
    invalid_finish_reasons: tuple[str, ...] = ("content_filter", "length")
    max_requests_per_minute: float | None = Field(default=None, gt=0)
    max_tokens_per_minute: float | None = Field(default=None, gt=0)
    max_input_tokens_per_minute: float | None = Field(default=None, gt=0)
    max_output_tokens_per_minute: float | None = Field(default=None, gt=0)
    seconds_to_pause_on_rate_limit: float | None = Field(default=None, gt=0)
    max_concurrent_requests: int | None = Field(default=None, gt=0)
    batch_size: int | Literal["auto"] = "auto"
    batch_check_interval: float | None = Field(default=None, gt=0)
    delete_successful_batch_files: bool = False
    delete_failed_batch_files: bool = False
    completion_window: str = "24h"

    @model_validator(mode="after")
    def _both_prices(self) -> LLMOptions:
        if (self.in_mtok_cost is None) != (self.out_mtok_cost is None):
            raise ValueError("in_mtok_cost and out_mtok_cost are given together")
        if self.batch_size != "auto" and self.batch_size < 1:
            raise ValueError("batch_size is at least 1")
        return self

    @property
    def attempts(self) -> int:
        """How often a request is asked at most."""
        return self.max_retries + 1

    def pace(self, provider: Provider) -> Pace:
        """The platform's own pace, with what was set in place of it."""
        from ftkit.gateway import Pace

        return Pace.of(provider.limits, **self.limits)

    @property
    def limits(self) -> dict[str, Any]:
        """The limits that were set, by the names of :class:`ftkit.gateway.Pace`."""
        named = {
            "concurrency": self.max_concurrent_requests,
            "requests_per_minute": self.max_requests_per_minute,
            "tokens_per_minute": self.max_tokens_per_minute,
            "input_tokens_per_minute": self.max_input_tokens_per_minute,
            "output_tokens_per_minute": self.max_output_tokens_per_minute,
            "pause_seconds": self.seconds_to_pause_on_rate_limit,
        }
        return {name: value for name, value in named.items() if value is not None}

    def settings(self, settings: Settings, platform: str) -> Settings:
        """``settings`` with what these options change of them for ``platform``."""
        values = {name: getattr(settings, name) for name in type(settings).model_fields}
        if self.request_timeout is not None:
            values["timeout"] = self.request_timeout
        if self.batch_check_interval is not None:
            values["poll_seconds"] = self.batch_check_interval
        if self.batch_size != "auto":
            most = settings.catalog.provider(platform).limits.batch_requests
            table = dict(settings.providers.get(platform, {}))
            size = min(self.batch_size, most or self.batch_size)
            table["limits"] = {**table.get("limits", {}), "batch_requests": size}
            values["providers"] = {**settings.providers, platform: table}
        return type(settings)(**values)


def options_of(*given: Mapping[str, Any] | None) -> LLMOptions:
    """The options of several tables, the later ones stronger. UsageError for an unknown or wrong one."""
    merged = {name: value for table in given for name, value in (table or {}).items()}
    known = LLMOptions.model_fields
    unknown = next((name for name in merged if name not in known), None)
    if unknown is not None:
        close = difflib.get_close_matches(unknown, known, n=1)
        guess = f"Did you mean {close[0]!r}? " if close else ""
        raise UsageError(f"no option is called {unknown!r}", hint=f"{guess}There are: {', '.join(known)}.")
    plain: dict[str, Any] = {n: v for n, v in merged.items() if v is not None or known[n].default is None}
    try:
        return LLMOptions(**plain)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(key) for key in first["loc"][:1])
        message = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{name}: {message}" if name else message) from None
