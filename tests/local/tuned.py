"""Train by TRL in this process, keep what it tells, and ask models what they learnt, by plain PEFT."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tiny_model import chat

from ftkit.local.engines.base import StepMetrics
from ftkit.local.engines.transformers.plan import Plan, TrainingSettings
from ftkit.local.engines.transformers.training_data import write_rows
from ftkit.local.engines.transformers.training_process import QUIET


class Kept:
    """A report that keeps everything."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, bool]] = []
        self.steps: list[StepMetrics] = []
        self.folders: list[Path] = []
        self.tokens = 0

    def note(self, message: str, *, warning: bool = False) -> None:
        """The engine's callback."""
        self.notes.append((message, warning))

    def step(self, metrics: StepMetrics) -> None:
        """The engine's callback."""
        self.steps.append(metrics)

    def checkpoint(self, metrics: StepMetrics, folder: Path) -> None:
        """The engine's callback."""
        assert metrics == self.steps[-1]
        self.folders.append(folder)


def make_plan(
    folder: Path,
    base: Path,
    rows: Iterable[Mapping[str, Any]],
    validation: Iterable[Mapping[str, Any]] | None = None,
    settings: Mapping[str, Any] | None = None,
    **change: Any,
) -> Plan:
    """A plan on the CPU with one thread, in a new folder below ``folder``."""
    place = Path(tempfile.mkdtemp(dir=folder))
    write_rows(rows, place / "rows")
    if validation is not None:
        write_rows(validation, place / "valid")
        change["validation_rows"] = place / "valid"
    (place / "output").mkdir()
    wanted = {"device": "cpu", "learning_rate": 5e-3, "threads": 1, **(settings or {})}
    return Plan(
        name="tiny",
        source=str(base),
        settings=TrainingSettings(**wanted),
        rows=place / "rows",
        output=place / "output",
        **{"epochs": 2, "batch_size": 8, "seed": 1, **change},
    )


def train(plan: Plan) -> Kept:
    """Carry a plan out."""
    os.environ.update(QUIET)
    import torch

    torch.set_num_threads(1)
    from ftkit.local.engines.transformers.tuning import tune

    kept = Kept()
    kept.tokens = tune(plan, kept)
    return kept


def tensors(folder: Path) -> dict[str, Any]:
    """All weights of a saved model or adapter."""
    from safetensors.torch import load_file

    [path] = [path for path in folder.glob("*.safetensors") if not path.name.startswith("resume")]
    return load_file(path)


def same_tensors(one: Path, other: Path) -> bool:
    """Whether two folders hold the same weights, bit by bit."""
    import torch

    left, right = tensors(one), tensors(other)
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def open_model(base: Path, tuned: Path | None = None) -> Any:
    """The base, with an adapter or as another whole model, as anybody would load it."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    if tuned is not None and not (tuned / "adapter_config.json").exists():
        return AutoModelForCausalLM.from_pretrained(tuned)
    model = AutoModelForCausalLM.from_pretrained(base)
    return model if tuned is None else PeftModel.from_pretrained(model, tuned)


def label_chances(model: Any, place: Path, sentence: str, labels: Sequence[str]) -> list[float]:
    """The logarithm of each label's chance as the reply to a sentence."""
    import torch
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(place)
    prompt = tokenizer.apply_chat_template(
        chat(sentence, "")["messages"][:2], add_generation_prompt=True, tokenize=False
    )
    asked = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    found = []
    for label in labels:
        said = tokenizer(label, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
        with torch.no_grad():
            logits = model(torch.tensor([asked + said])).logits[0, len(asked) - 1 : -1]
        found.append(float(logits.log_softmax(-1)[range(len(said)), said].sum()))
    return found


def accuracy(model: Any, place: Path, rows: Sequence[tuple[str, str]], labels: Sequence[str]) -> float:
    """The share of sentences whose likeliest label is the right one."""
    right = 0
    for sentence, label in rows:
        chances = label_chances(model, place, sentence, labels)
        right += labels[chances.index(max(chances))] == label
    return right / len(rows)
