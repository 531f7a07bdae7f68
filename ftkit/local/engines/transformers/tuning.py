"""Train by TRL: tokens from rows, a trainer for the method, and its news as steps and checkpoints.

Runs in the training process. On several GPUs every process of them comes through here; the first one reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from accelerate import PartialState
from datasets import Dataset
from transformers import PrinterCallback, ProgressCallback, TrainingArguments, set_seed
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from ftkit.local.engines.base import StepMetrics
from ftkit.local.engines.transformers.plan import Plan
from ftkit.local.engines.transformers.resuming import as_trainer_checkpoint
from ftkit.local.engines.transformers.told import Told
from ftkit.local.engines.transformers.training_data import DataSize, Tokenizing, read_rows
from ftkit.local.engines.transformers.weights import load_model, load_tokenizer, on_gpu, packs, uses_bf16

_ROOM = 16_384
"""Tokens that go through a model at once, where nothing is set."""
_MOST_AT_ONCE = 16
_CHECKPOINTING = next(
    name
    for name in ("activation_checkpointing", "gradient_checkpointing")  # its newer and its older name
    if name in SFTConfig.__dataclass_fields__
)
_WARM_UP = 20
"""One step in so many is spent on warming up, 100 at most."""


class Report(Protocol):
    """Where news goes: to the parent process as lines, or to a test."""

    def note(self, message: str, *, warning: bool = False) -> None:
        """Something that a person should know."""

    def step(self, metrics: StepMetrics) -> None:
        """A step was done."""

    def checkpoint(self, metrics: StepMetrics, folder: Path) -> None:
        """An epoch's model lies in ``folder``, which is the receiver's now."""


class PreparedDPOTrainer(DPOTrainer):  # type: ignore[misc]
    """TRL's trainer for preferences, for pairs that are tokens already."""

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        return dataset


def tune(plan: Plan, report: Report) -> int:
    """Train as planned; returns the tokens that were trained, all epochs together.

    Raises ``TrainingError``. The same plan on the same machine gives the same model, also where it goes on
    from a checkpoint.
    """
    seed = plan.seed % (1 << 32)
    _join(plan)
    set_seed(seed)
    tokenizer = load_tokenizer(plan)
    data, valid, size = _data(plan, tokenizer)
    set_seed(seed)
    model, adapters = load_model(plan)
    trainer = _trainer(plan, tokenizer, (model, adapters), (data, valid), size, seed)
    for unwanted in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(unwanted)
    if trainer.is_world_process_zero():
        _say(plan, trainer, size, report)
    trainer.add_callback(Told(plan, trainer, tokenizer, report, seed))
    resume = as_trainer_checkpoint(plan.resume, _resume_place(plan)) if plan.resume else None
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    return size.tokens * plan.epochs


def _join(plan: Plan) -> None:
    """The processes of one training find each other, in the way that the trainer will keep."""
    joined = TrainingArguments(
        output_dir=str(plan.output / "trainer"), use_cpu=plan.settings.device == "cpu", report_to="none"
    )
    assert joined.world_size == PartialState().num_processes


def _resume_place(plan: Plan) -> Path:
    return plan.output / f"resume-{PartialState().process_index}"


def _data(plan: Plan, tokenizer: Any) -> tuple[Dataset, Dataset | None, DataSize]:
    """Every process reads what the first one wrote."""
    most = plan.settings.max_tokens or _context(plan)
    sizes = {}
    for name, rows in (("training_file", plan.rows), ("validation_file", plan.validation_rows)):
        if rows is not None and PartialState().is_main_process:
            work = Tokenizing(tokenizer, plan.method, most)
            sizes[name] = work.write(read_rows(rows), plan.output / f"{name}.arrow", name)
    sizes = _shared(sizes)
    made = {name: Dataset.from_file(str(plan.output / f"{name}.arrow")) for name in sizes}
    return made["training_file"], made.get("validation_file"), sizes["training_file"]


def _shared(value: Any) -> Any:
    """The first process's value, in all of them."""
    from accelerate.utils import broadcast_object_list

    [shared] = broadcast_object_list([value])
    return shared


def _context(plan: Plan) -> int | None:
    """As many tokens as the model was made for."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(plan.source, revision=plan.revision)
    return getattr(config.get_text_config(), "max_position_embeddings", None)


def at_once(plan: Plan, processes: int, longest: int) -> int:
    """Examples that go through the model at once: a divisor of each process's share of a batch."""
    share = max(1, plan.batch_size // processes)
    room = plan.settings.micro_batch or max(1, min(_MOST_AT_ONCE, _ROOM // max(1, longest)))
    return max(size for size in range(1, share + 1) if share % size == 0 and size <= room)


def _arguments(plan: Plan, examples: int, size: DataSize, seed: int) -> dict[str, Any]:
    """What both methods' trainers are told. Steps are logged one by one; saving is our own."""
    gpu = on_gpu(plan)
    processes = PartialState().num_processes
    few = at_once(plan, processes, size.longest)
    checkpointing = plan.settings.gradient_checkpointing
    steps = -(-examples // plan.batch_size) * plan.epochs
    return {
        "output_dir": str(plan.output / "trainer"),
        "num_train_epochs": plan.epochs,
        "per_device_train_batch_size": few,
        "per_device_eval_batch_size": few,
        "gradient_accumulation_steps": max(1, plan.batch_size // (few * processes)),
        "learning_rate": plan.rate,
        "lr_scheduler_type": "linear",
        "warmup_steps": min(100, steps // _WARM_UP),
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "eval_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "seed": seed,
        "bf16": uses_bf16(plan),
        "use_cpu": plan.settings.device == "cpu",
        "dataloader_pin_memory": gpu,
        _CHECKPOINTING: gpu if checkpointing == "auto" else checkpointing,
        f"{_CHECKPOINTING}_kwargs": {"use_reentrant": False},
        "ddp_find_unused_parameters": False,
        "max_length": None,
    }


def _trainer(
    plan: Plan, tokenizer: Any, model: tuple[Any, Any], data: tuple[Any, Any], size: DataSize, seed: int
) -> Any:
    arguments = _arguments(plan, len(data[0]), size, seed)
    what: Mapping[str, Any] = {
        "model": model[0],
        "peft_config": model[1],
        "train_dataset": data[0],
        "eval_dataset": data[1],
        "processing_class": tokenizer,
    }
    if plan.method == "dpo":
        # the reference's chances are told before training: one model in memory, and the same when resumed
        config = DPOConfig(**arguments, beta=plan.beta, precompute_ref_log_probs=True)
        return PreparedDPOTrainer(args=config, **what)
    return SFTTrainer(args=SFTConfig(**arguments, padding_free=packs(plan)), **what)


def _say(plan: Plan, trainer: Any, size: DataSize, report: Report) -> None:
    learnt = trainer.get_num_trainable_parameters()
    kind = "adapters" if hasattr(trainer.model, "peft_config") else "all weights"
    where = "cpu"
    with suppress(AttributeError):
        where = str(trainer.args.device.type)
    report.note(
        f"Training {kind} of {plan.name} ({learnt:,} numbers) on {where}"
        f" in {'bfloat16' if trainer.args.bf16 else 'float32'}, {PartialState().num_processes} process(es),"
        f" learning rate {plan.rate:g}, {trainer.args.per_device_train_batch_size} example(s) at once,"
        f" longest {size.longest} tokens"
    )
    if size.cut:
        report.note(
            f"{size.cut} example(s) are longer than {size.longest} tokens and were cut at their end",
            warning=True,
        )
    if size.empty:
        report.note(f"{size.empty} example(s) have nothing to learn and are left out", warning=True)
