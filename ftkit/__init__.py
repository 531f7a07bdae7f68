"""ftkit: the fine-tuning lifecycle in one toolkit.

``validate`` and ``split`` prepare chat data, ``connect`` talks to an OpenAI-compatible platform,
``benchmark`` compares models on held-out rows, ``LLM`` asks one about any rows and makes rows of its
answers, ``run`` does all of it from a recipe, ``retrain`` does it again whenever there is a reason to, and
``resolve`` says which model is in use. Names are imported when they are first used, so
``import ftkit`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ftkit.benchmarking import BenchmarkReport, benchmark
    from ftkit.errors import FtkitError
    from ftkit.gateway import AsyncPlatform, Platform, connect, connect_async
    from ftkit.inference.llm import LLM, LLMResponse
    from ftkit.lifecycle import Recipe, Retrained, RetrainOptions, RunResult, load_recipe, retrain, run
    from ftkit.registry import resolve
    from ftkit.settings import Settings, load_settings
    from ftkit.splitting import SplitResult, split
    from ftkit.validation import Finding, FixReport, ValidationReport, fix, validate

_HOME = {
    "AsyncPlatform": "ftkit.gateway",
    "BenchmarkReport": "ftkit.benchmarking",
    "Finding": "ftkit.validation",
    "FixReport": "ftkit.validation",
    "FtkitError": "ftkit.errors",
    "LLM": "ftkit.inference.llm",
    "LLMResponse": "ftkit.inference.llm",
    "Platform": "ftkit.gateway",
    "Recipe": "ftkit.lifecycle",
    "RetrainOptions": "ftkit.lifecycle",
    "Retrained": "ftkit.lifecycle",
    "RunResult": "ftkit.lifecycle",
    "Settings": "ftkit.settings",
    "SplitResult": "ftkit.splitting",
    "ValidationReport": "ftkit.validation",
    "benchmark": "ftkit.benchmarking",
    "connect": "ftkit.gateway",
    "connect_async": "ftkit.gateway",
    "fix": "ftkit.validation",
    "load_recipe": "ftkit.lifecycle",
    "load_settings": "ftkit.settings",
    "resolve": "ftkit.registry",
    "retrain": "ftkit.lifecycle",
    "run": "ftkit.lifecycle",
    "split": "ftkit.splitting",
    "validate": "ftkit.validation",
}

__all__ = [  # noqa: RUF022 - by the alphabet alone
    "AsyncPlatform",
    "BenchmarkReport",
    "Finding",
    "FixReport",
    "FtkitError",
    "LLM",
    "LLMResponse",
    "Platform",
    "Recipe",
    "RetrainOptions",
    "Retrained",
    "RunResult",
    "Settings",
    "SplitResult",
    "ValidationReport",
    "__version__",
    "benchmark",
    "connect",
    "connect_async",
    "fix",
    "load_recipe",
    "load_settings",
    "resolve",
    "retrain",
    "run",
    "split",
    "validate",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME)
