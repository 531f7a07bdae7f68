"""One model over many rows: prompts from data, answers of a form, rows from answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.inference.llm.forms import Form, FormError, form_of, typed_form
    from ftkit.inference.llm.llm import LLM
    from ftkit.inference.llm.options import LLMOptions
    from ftkit.inference.llm.response import (
        CostInfo,
        LLMResponse,
        PerformanceStats,
        RequestStats,
        TokenUsage,
    )

_HOME = {
    "CostInfo": "ftkit.inference.llm.response",
    "Form": "ftkit.inference.llm.forms",
    "FormError": "ftkit.inference.llm.forms",
    "LLM": "ftkit.inference.llm.llm",
    "LLMOptions": "ftkit.inference.llm.options",
    "LLMResponse": "ftkit.inference.llm.response",
    "PerformanceStats": "ftkit.inference.llm.response",
    "RequestStats": "ftkit.inference.llm.response",
    "TokenUsage": "ftkit.inference.llm.response",
    "form_of": "ftkit.inference.llm.forms",
    "typed_form": "ftkit.inference.llm.forms",
}

__all__ = [
    "LLM",
    "CostInfo",
    "Form",
    "FormError",
    "LLMOptions",
    "LLMResponse",
    "PerformanceStats",
    "RequestStats",
    "TokenUsage",
    "form_of",
    "typed_form",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME)
