"""The card of a tuned model: what it is, of what it was made, and how to use it elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ftkit import __version__
from ftkit.local.jsonio import dump_text, load
from ftkit.local.names import ServedModel
from ftkit.local.state import State

_ADAPTER = "adapter_config.json"
_FIND = "SELECT job_id FROM models WHERE id = ? UNION SELECT job_id FROM checkpoints WHERE model = ?"


def model_card(state: State, model: ServedModel, folder: Path) -> str:
    """Markdown, with the head that model hubs read."""
    row = state.db.one(_FIND, model.id, model.id)
    job = state.jobs.get(row["job_id"]) if row is not None else None
    adapter = (folder / _ADAPTER).exists()
    base = base_of(model)
    head = [
        "---",
        *([f"base_model: {dump_text(base)}"] if model.engine == "transformers" else []),
        f"library_name: {_library(model, adapter)}",
        "tags: [ftkit" + (", lora]" if adapter else "]"),
        "---",
        f"# {model.id}",
        "",
        f"{_kind(adapter)} `{base}`, made by ftkit {__version__} with its engine `{model.engine}`.",
    ]
    return "\n".join([*head, *([] if job is None else _making(job.view())), *_using(model, base, folder), ""])


def _kind(adapter: bool) -> str:
    return "An adapter (LoRA) for" if adapter else "A model tuned from"


def base_of(model: ServedModel) -> str:
    """The base's name for others: its name on the hub, or, of a local folder, its name on this platform."""
    source = model.spec.source
    if source is None or source.startswith(("/", ".", "~")):
        return model.base
    return source


def _library(model: ServedModel, adapter: bool) -> str:
    if model.engine != "transformers":
        return "ftkit"
    return "peft" if adapter else "transformers"


def _making(job: dict[str, Any]) -> list[str]:
    facts = {
        "job": job["id"],
        "method": job["method"]["type"],
        "hyperparameters": dump_text(job["hyperparameters"]),
        "seed": job["seed"],
        "training file": job["training_file"],
        "validation file": job["validation_file"],
        "trained tokens": job["trained_tokens"],
        "metadata": dump_text(job["metadata"]) if job["metadata"] else None,
    }
    rows = [f"| {name} | `{_cell(value)}` |" for name, value in facts.items() if value is not None]
    return ["", "## How it was made", "", "| | |", "|---|---|", *rows]


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("`", "'")


def _using(model: ServedModel, base: str, folder: Path) -> list[str]:
    """``HERE`` is the folder that these files were put into."""
    if model.engine != "transformers":
        return ["", "## Use", "", "ftkit's own format: serve it with ftkit."]
    if (folder / _ADAPTER).exists():
        rank = load((folder / _ADAPTER).read_bytes()).get("r", 16)
        python = [
            "from peft import PeftModel",
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            "",
            f"base = AutoModelForCausalLM.from_pretrained({dump_text(base)})",
            'model = PeftModel.from_pretrained(base, "HERE")',
        ]
        serve = f"vllm serve {base} --enable-lora --max-lora-rank {rank} --lora-modules tuned=HERE"
    else:
        python = [
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            "",
            'model = AutoModelForCausalLM.from_pretrained("HERE")',
        ]
        serve = "vllm serve HERE"
    python.append('tokenizer = AutoTokenizer.from_pretrained("HERE")')
    return ["", "## Use", "", "```python", *python, "```", "", "```sh", serve, "```"]
