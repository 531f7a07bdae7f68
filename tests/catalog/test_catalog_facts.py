"""The shipped catalog: every file loads, every figure has a source, and facts stand as quoted."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import date
from importlib import resources
from typing import Any

import pytest

from ftkit.catalog import Catalog, Model, Provider, builtin_catalog
from ftkit.catalog.schema import Sourced

HOSTED = ("azure-openai", "kluster", "nebius", "openai")
GROUPS = ("limits", "price", "shutdown")
URL = re.compile(r"https://[\w.-]+/\S*")


def provider_files() -> list[Any]:
    folder = resources.files("ftkit.catalog") / "providers"
    return sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)


def groups(catalog: Catalog) -> Iterator[tuple[str, Sourced]]:
    """Every group of figures in the catalog, with the name it is found under."""
    for provider in catalog.providers():
        yield f"{provider.name}.limits", provider.limits
    for model in catalog.models():
        for name in GROUPS:
            yield f"{model.provider}:{model.id}.{name}", getattr(model, name)


def has_figures(group: Sourced) -> bool:
    return bool(group.model_fields_set - {"source", "as_of"})


GROUPS_WITH_FIGURES = [pytest.param(g, id=name) for name, g in groups(builtin_catalog()) if has_figures(g)]


def openai(model_id: str) -> Model:
    return builtin_catalog().require_model(model_id, "openai")


@pytest.mark.parametrize("entry", provider_files(), ids=lambda f: f.name)
def test_every_file_loads_and_is_named_after_its_provider(entry: Any) -> None:
    data = tomllib.loads(entry.read_text("utf-8"))
    provider = Provider.model_validate(data["provider"])
    assert entry.name == f"{provider.name}.toml"
    for model_id, table in data.get("models", {}).items():
        assert Model.model_validate({"id": model_id, "provider": provider.name, **table}).id == model_id


def test_the_first_providers_are_there() -> None:
    names = [p.name for p in builtin_catalog().providers()]
    assert set(names) >= {*HOSTED, "local", "custom"}


@pytest.mark.parametrize("group", GROUPS_WITH_FIGURES)
def test_every_group_of_figures_names_its_source(group: Sourced) -> None:
    assert group.source


def test_a_hosted_figure_can_be_looked_up_by_anyone() -> None:
    without = [
        name
        for name, group in groups(builtin_catalog())
        if has_figures(group) and name.startswith(HOSTED) and not URL.search(group.source or "")
    ]
    assert without == []


def test_a_source_is_never_claimed_for_nothing() -> None:
    empty = [name for name, g in groups(builtin_catalog()) if g.source and not has_figures(g)]
    assert empty == []


def test_dates_are_dates_and_lie_in_a_sensible_span() -> None:
    dates = [g.as_of for _, g in groups(builtin_catalog())]
    dates += [p.as_of for p in builtin_catalog().providers()]
    dates += [d for m in builtin_catalog().models() for d in (m.shutdown.on, m.shutdown.no_new_jobs_after)]
    known = [d for d in dates if d is not None]
    assert known
    assert all(type(d) is date and date(2024, 1, 1) <= d <= date(2030, 1, 1) for d in known)


def test_only_the_local_platform_is_free() -> None:
    free = {
        model.provider
        for model in builtin_catalog().models()
        for figure in model.price.model_dump(
            include={"train", "input", "output", "tuned_input", "tuned_output"}
        ).values()
        if figure == 0
    }
    assert free <= {"local"}


@pytest.mark.parametrize("model", builtin_catalog().models(), ids=lambda m: f"{m.provider}:{m.id}")
def test_a_model_is_consistent_with_itself(model: Model) -> None:
    assert model.tokenizer and model.chat_template
    limits, price, end = model.limits, model.price, model.shutdown
    if limits.training_context and limits.inference_context:
        assert limits.training_context <= limits.inference_context
    if price.input and price.tuned_input and price.output and price.tuned_output:
        assert price.tuned_input >= price.input and price.tuned_output >= price.output
    if end.on and end.no_new_jobs_after:
        assert end.no_new_jobs_after <= end.on


def test_no_two_entries_claim_the_same_name() -> None:
    for provider in builtin_catalog().providers():
        names = [n for m in builtin_catalog().models(provider.name) for n in (m.id, *m.aliases)]
        assert len(names) == len(set(names))


def test_an_id_means_one_platform_only() -> None:
    """Looked up without a platform, an id must not depend on the order of the files."""
    names = [n for m in builtin_catalog().models() for n in (m.id, *m.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("ft:gpt-4.1-mini-2025-04-14:acme:sentiment:Bx1y2z", "gpt-4.1-mini"),
        ("ft:gpt-4o-mini-2024-07-18:acme::9abc:ckpt-step-90", "gpt-4o-mini"),
        ("ft:gpt-3.5-turbo-0125:acme::9abc", "gpt-3.5-turbo"),
        ("gpt-4.1-2025-04-14", "gpt-4.1"),
        ("gpt-4.1-nano-2025-04-14", "gpt-4.1-nano"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
        ("gpt-3.5-turbo-0125", "gpt-3.5-turbo"),
        ("o4-mini-2025-04-16", "o4-mini"),
    ],
)
def test_tuned_ids_and_dated_snapshots_resolve(asked: str, answered: str) -> None:
    found = builtin_catalog().model(asked)
    assert found is not None
    assert (found.provider, found.id) == ("openai", answered)


@pytest.mark.parametrize(
    "model_id", ["gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-4o", "gpt-4o-mini", "o4-mini"]
)
def test_newer_openai_models_count_in_o200k(model_id: str) -> None:
    assert openai(model_id).tokenizer == "o200k_base"
    assert openai("gpt-3.5-turbo").tokenizer == "cl100k_base"


@pytest.mark.parametrize("model_id", [m.id for m in builtin_catalog().models("openai")])
def test_openai_tokenizers_agree_with_tiktoken(model_id: str) -> None:
    tiktoken_model = pytest.importorskip("tiktoken.model")
    assert tiktoken_model.encoding_name_for_model(model_id) == openai(model_id).tokenizer


# "| `gpt-4.1-2025-04-14` | 128,000 tokens | 65,536 tokens |" (inference, examples), and the same
# for the other four. https://developers.openai.com/api/docs/guides/fine-tuning-best-practices
@pytest.mark.parametrize("model_id", ["gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-4o", "gpt-4o-mini"])
def test_openai_contexts(model_id: str) -> None:
    limits = openai(model_id).limits
    assert (limits.inference_context, limits.training_context) == (128_000, 65_536)


# "1,047,576 context window / 32,768 max output tokens" (gpt-4.1), "128,000 / 16,384" (gpt-4o),
# "16,385 / 4,096" (gpt-3.5-turbo), "200,000 / 100,000" (o4-mini): OpenAI's model pages.
@pytest.mark.parametrize(
    ("model_id", "max_output"),
    [("gpt-4.1", 32_768), ("gpt-4o", 16_384), ("gpt-3.5-turbo", 4_096), ("o4-mini", 100_000)],
)
def test_openai_longest_replies(model_id: str, max_output: int) -> None:
    assert openai(model_id).limits.max_output == max_output


# The fine-tuning table, "Model | Training | Input | Cached input | Output", and the standard
# prices above it. https://developers.openai.com/api/docs/pricing
@pytest.mark.parametrize(
    ("model_id", "train", "tuned", "base"),
    [
        # "gpt-4.1-2025-04-14 | $25.00 | $3.00 | $0.75 | $12.00"; "gpt-4.1 | $2.00 | $0.50 | - | $8.00"
        ("gpt-4.1", 25.0, (3.0, 12.0), (2.0, 8.0)),
        # "gpt-4.1-mini-2025-04-14 | $5.00 | $0.80 | $0.20 | $3.20"; "gpt-4.1-mini | $0.40 | ... | $1.60"
        ("gpt-4.1-mini", 5.0, (0.8, 3.2), (0.4, 1.6)),
        # "gpt-4.1-nano-2025-04-14 | $1.50 | $0.20 | $0.05 | $0.80"
        ("gpt-4.1-nano", 1.5, (0.2, 0.8), (0.1, 0.4)),
        # "gpt-4o-2024-08-06 | $25.00 | $3.75 | $1.875 | $15.00"
        ("gpt-4o", 25.0, (3.75, 15.0), (2.5, 10.0)),
        # "gpt-4o-mini-2024-07-18 | $3.00 | $0.30 | $0.15 | $1.20"
        ("gpt-4o-mini", 3.0, (0.3, 1.2), (0.15, 0.6)),
        # "gpt-3.5-turbo (legacy) | $8.00 | $3.00 | - | $6.00"
        ("gpt-3.5-turbo", 8.0, (3.0, 6.0), (0.5, 1.5)),
        # "o4-mini-2025-04-16 | $100.00 / hour | $4.00 | $1.00 | $16.00": no price per training token
        ("o4-mini", None, (4.0, 16.0), (1.1, 4.4)),
    ],
)
def test_openai_prices(
    model_id: str, train: float | None, tuned: tuple[float, float], base: tuple[float, float]
) -> None:
    price = openai(model_id).price
    assert price.train == train
    assert (price.tuned_input, price.tuned_output) == tuned
    assert (price.input, price.output) == base
    assert price.batch_discount == 0.5


# "14 January 2027 for gpt-4o-2024-08-06, gpt-4o-2024-11-20, gpt-4o-mini-2024-07-18,
# gpt-4.1-2025-04-14, gpt-4.1-mini-2025-04-14, and fine-tunes on them"; "Jan 6, 2027 | Active
# existing customers will no longer be able to create new fine-tuning jobs on this date."
@pytest.mark.parametrize("model_id", ["gpt-4.1", "gpt-4.1-mini", "gpt-4o", "gpt-4o-mini"])
def test_openai_models_that_end_in_2027(model_id: str) -> None:
    assert openai(model_id).shutdown.on == date(2027, 1, 14)
    assert openai(model_id).shutdown.no_new_jobs_after == date(2027, 1, 6)


# "October 23, 2026 | `gpt-4.1-nano` | `gpt-4.1-nano-2025-04-14`", "... `gpt-3.5-turbo-0125` |
# `gpt-3.5-turbo`", "... `o4-mini-2025-04-16` | `o4-mini`"; "We are also removing fine-tuned
# versions as below: ... `ft-gpt-3.5-turbo`, `ft-gpt-4.1-nano-2025-04-14`".
@pytest.mark.parametrize("model_id", ["gpt-4.1-nano", "gpt-3.5-turbo", "o4-mini", "gpt-4o-2024-05-13"])
def test_openai_models_that_ended_in_2026(model_id: str) -> None:
    assert openai(model_id).shutdown.on == date(2026, 10, 23)


def test_openai_methods() -> None:
    # SFT and DPO: "`gpt-4.1-2025-04-14` `gpt-4.1-mini-2025-04-14` `gpt-4.1-nano-2025-04-14`";
    # RFT: "**Reasoning models only**. ... `o4-mini-2025-04-16`" (the model optimization guide).
    assert openai("gpt-4.1").tunable == openai("gpt-4.1-nano").tunable == ("sft", "dpo")
    assert openai("o4-mini").tunable == ("rft",)
    assert openai("gpt-4o-2024-05-13").tunable == ()


def test_openai_limits() -> None:
    # "Individual files can be up to 512 MB"; "The minimum number of examples you can provide for
    # fine-tuning is 10"; "A single batch may include up to 50,000 requests, and a batch input file
    # can be up to 200 MB in size"; "Currently only `24h` is supported."
    limits = builtin_catalog().provider("openai").limits
    assert (limits.training_file_bytes, limits.min_examples) == (512_000_000, 10)
    assert (limits.batch_requests, limits.batch_bytes) == (50_000, 200_000_000)
    assert limits.batch_windows == ("24h",)


def test_kluster_limits_and_dialect() -> None:
    kluster = builtin_catalog().provider("kluster")
    # "The minimum requirement is 10 examples"; "each fine-tuning file must not exceed 100 MB"
    assert (kluster.limits.min_examples, kluster.limits.training_file_bytes) == (10, 100_000_000)
    assert (kluster.limits.batch_requests, kluster.limits.batch_bytes) == (50_000, 6_000_000_000)
    assert kluster.limits.batch_windows == ("1h", "3h", "6h", "12h", "24h")
    # "Concurrent requests ... 10", "Request limit ... 60/min" (standard tier)
    assert (kluster.limits.concurrent_requests, kluster.limits.requests_per_minute) == (10, 60)
    # "`nickname`: Add a custom suffix that will be appended to the output model name."
    assert kluster.dialect.suffix_field == "nickname"
    assert kluster.dialect.rename_request == {"max_tokens": "max_completion_tokens"}
    assert {"n", "response_format", "tools"} <= set(kluster.dialect.refuse_request)
    assert {"store", "stream_options"} <= set(kluster.dialect.drop_request)
    assert kluster.dialect.job_status["pending"] == "queued"
    assert kluster.notice and "closed" in kluster.notice


def test_no_dialect_both_drops_and_refuses_a_field() -> None:
    for provider in builtin_catalog().providers():
        assert not set(provider.dialect.drop_request) & set(provider.dialect.refuse_request)
        assert not set(provider.dialect.rename_request) & {
            *provider.dialect.drop_request,
            *provider.dialect.refuse_request,
        }


# "`klusterai/Meta-Llama-3.1-8B-Instruct-Turbo` - has a `64,000` tokens max context window",
# "`klusterai/Meta-Llama-3.3-70B-Instruct-Turbo` - has a `32,000` tokens max context window"
@pytest.mark.parametrize(
    ("name", "context"),
    [("Meta-Llama-3.1-8B-Instruct-Turbo", 64_000), ("Meta-Llama-3.3-70B-Instruct-Turbo", 32_000)],
)
def test_kluster_models(name: str, context: int) -> None:
    model = builtin_catalog().require_model(f"klusterai/{name}")
    assert model.limits.training_context == context
    assert (model.tokenizer, model.tunable) == ("llama3", ("sft",))
    assert model.price.train is None  # not found, so unknown, not zero


def test_nebius() -> None:
    nebius = builtin_catalog().provider("nebius")
    assert nebius.base_url == "https://api.tokenfactory.nebius.com/v1"
    # "The size limit for dataset files is **50GB**"; "Up to 5,000,000 requests. Up to 10 GB in size."
    assert nebius.limits.training_file_bytes == 50_000_000_000
    assert (nebius.limits.batch_requests, nebius.limits.batch_bytes) == (5_000_000, 10_000_000_000)
    found = builtin_catalog().require_model("meta-llama/Llama-3.1-8B-Instruct", "nebius")
    assert found.id == "meta-llama/Meta-Llama-3.1-8B-Instruct"
    # "Requests sent in batches cost 50% less than regular requests to base models."
    assert found.price.batch_discount == 0.5


def test_azure_wants_a_byte_order_mark_and_a_base_url() -> None:
    # "training and validation data files must be encoded in UTF-8 and include a byte-order mark
    # (BOM). The file must be less than 512 MB in size."; "at least 10 training examples"
    azure = builtin_catalog().provider("azure-openai")
    assert azure.dialect.training_file_bom == "required"
    assert azure.limits.training_file_bytes is not None
    assert azure.limits.training_file_bytes < 512_000_000
    assert azure.limits.min_examples == 10
    assert azure.base_url is None
    assert azure.notice and "base_url" in azure.notice


HYPERPARAMETERS = {
    "supervised": "SupervisedHyperparametersParam",
    "dpo": "DpoHyperparametersParam",
    "reinforcement": "ReinforcementHyperparametersParam",
}


@pytest.mark.parametrize("method", HYPERPARAMETERS)
def test_openais_hyperparameters_are_those_of_its_own_package(method: str) -> None:
    from importlib import import_module

    module = import_module(f"openai.types.fine_tuning.{method}_hyperparameters_param")
    fields = getattr(module, HYPERPARAMETERS[method]).__annotations__
    dialect = builtin_catalog().provider("openai").dialect
    assert set(dialect.hyperparameters[method]) == set(fields)
    assert set(dialect.job_methods) == set(HYPERPARAMETERS)


def test_openais_uploads_in_parts() -> None:
    # "Each Part can be at most 64 MB, and you can add Parts until you hit the Upload maximum of 8 GB."
    limits = builtin_catalog().provider("openai").limits
    assert (limits.upload_part_bytes, limits.upload_bytes) == (64_000_000, 8_000_000_000)
    # "hyperparameters ... is now deprecated in favor of `method`"
    assert builtin_catalog().provider("openai").dialect.supervised == "method"


def test_kluster_s_jobs() -> None:
    kluster = builtin_catalog().provider("kluster")
    # "each part can be at most 64 MB"; the reference's requests and answers of jobs
    assert kluster.limits.upload_part_bytes == 64_000_000
    assert kluster.dialect.supervised == "hyperparameters"
    assert kluster.dialect.job_methods == ("supervised",)
    assert kluster.dialect.batch_status["pre_schedule"] == "validating"
    assert {"name", "tool_calls"} <= set(kluster.dialect.refuse_message)
    assert "pause" in kluster.lacks and "uploads" not in kluster.lacks


def test_nebius_s_jobs() -> None:
    nebius = builtin_catalog().provider("nebius")
    known = set(nebius.dialect.hyperparameters["supervised"])
    # SupervisedHParameters of its openapi.json: whole numbers and decimals, an absolute learning rate
    assert {"learning_rate", "context_length", "lora", "lora_r", "n_epochs"} <= known
    assert "learning_rate_multiplier" not in known
    assert not nebius.dialect.takes_auto
    assert set(nebius.lacks) == {"pause", "uploads"}
    assert nebius.notice and "context_length" in nebius.notice


@pytest.mark.parametrize("name", HOSTED)
def test_what_depends_on_the_account_is_unknown(name: str) -> None:
    limits = builtin_catalog().provider(name).limits
    assert (limits.tokens_per_minute, limits.batch_enqueued_tokens) == (None, None)
    if name != "kluster":  # its tiers were the same for all
        assert limits.requests_per_minute is None


def test_the_local_platform_s_own_figures() -> None:
    from ftkit.local.config import MAX_PART_BYTES, MAX_UPLOAD_BYTES

    local = builtin_catalog().provider("local")
    assert (local.limits.upload_part_bytes, local.limits.upload_bytes) == (MAX_PART_BYTES, MAX_UPLOAD_BYTES)


@pytest.mark.parametrize("provider", builtin_catalog().providers(), ids=lambda p: p.name)
def test_a_dialect_agrees_with_itself(provider: Provider) -> None:
    dialect = provider.dialect
    assert set(dialect.hyperparameters) <= set(dialect.job_methods)
    assert not set(dialect.drop_message) & set(dialect.refuse_message)
    assert not set(dialect.drop_job_request) & set(dialect.refuse_job_request)
    words = {*dialect.job_status.values(), *dialect.batch_status.values()}
    openai_words = "validating_files queued running paused succeeded failed cancelled"
    openai_words += " validating in_progress finalizing completed expired cancelling"
    assert words <= set(openai_words.split())
    if provider.limits.upload_part_bytes is not None:
        assert "uploads" not in provider.lacks
    methods = {"sft": "supervised", "dpo": "dpo", "rft": "reinforcement"}
    for model in builtin_catalog().models(provider.name):
        assert {methods[m] for m in model.tunable} <= set(dialect.job_methods)


@pytest.mark.parametrize("wrong", ["upload", "Pause", ""])
def test_what_a_platform_lacks_is_spelt_as_known(wrong: str) -> None:
    from pydantic import ValidationError

    with pytest.raises(ValidationError, match="lacks"):
        Provider.model_validate({"name": "p", "title": "P", "lacks": [wrong]})


def test_the_tour_s_table_of_platforms_is_that_of_the_catalog() -> None:
    from pathlib import Path

    text = (Path(__file__).parents[2] / "docs" / "tour.md").read_text("utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if re.match(r"\| `[a-z-]+` \|", line)
    ]
    said = {row[0].strip("`"): row[1:] for row in rows}
    assert set(said) == {p.name for p in builtin_catalog().providers()}
    for name, (methods, windows, uploads, pause, *_) in said.items():
        provider = builtin_catalog().provider(name)
        assert methods == (", ".join(provider.dialect.job_methods) or "unknown")
        assert windows == ("unknown" if name == "custom" else ", ".join(provider.limits.batch_windows))
        assert uploads == (
            "yes" if provider.limits.upload_part_bytes else "no" if "uploads" in provider.lacks else "unknown"
        )
        assert pause == ("no" if "pause" in provider.lacks else "unknown" if name == "custom" else "yes")
