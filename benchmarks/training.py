"""Compares ftkit's training with a bare TRL script: tokens per second, in one run, and prints a table.

    python benchmarks/training.py [--rows 240] [--runs 8] [--width 128] [--device auto] [--threads 1]

Both train the same tiny Llama (random weights) on the same rows with the same settings. The script is what
a person would write: TRL's trainer on prompts and completions, its own logging. ftkit's has every step told,
and an epoch's checkpoint written with the optimizer's state. Short runs of the two alternate in one process,
so that what else the machine does meets both; the first pair warms up.

The table gives medians of the tokens per second within training (after loading and tokenizing), and the
median of the pairs' ratios: by the clock, and by the processor's time, which does not count what else the
machine does. For both, tokens are those of the conversations to the end of the last turn (TRL also trains
the line end after it).
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from ftkit.local.engines.transformers.training_process import QUIET

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "local"))
EPOCHS = 2
BATCH = 8
RATE = 5e-3


def bare(folder: Path, device: str, threads: int) -> dict[str, float]:
    """What a person writes with TRL and PEFT."""
    import torch

    torch.set_num_threads(threads)
    from datasets import load_dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    data = load_dataset(
        "json", data_files=str(folder / "pairs.jsonl"), split="train", cache_dir=folder / "cache"
    )
    arguments = SFTConfig(
        output_dir=tempfile.mkdtemp(dir=folder),
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=BATCH,
        learning_rate=RATE,
        gradient_checkpointing=False,
        bf16=device != "cpu" and torch.cuda.is_available(),
        use_cpu=device == "cpu",
        save_strategy="epoch",
        save_only_model=True,
        report_to="none",
        disable_tqdm=True,
    )
    adapters = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    trainer = SFTTrainer(str(folder / "model"), arguments, train_dataset=data, peft_config=adapters)
    began = time.process_time()
    seconds = trainer.train().metrics["train_runtime"]
    return {"seconds": seconds, "cpu": time.process_time() - began}


def ours(folder: Path, device: str, threads: int) -> dict[str, float]:
    """ftkit's training process, its news going nowhere."""
    import torch

    torch.set_num_threads(threads)
    from tuned import Kept

    from ftkit.local.engines.transformers import tuning
    from ftkit.local.engines.transformers.plan import Plan, TrainingSettings

    seconds: list[float] = []

    def timed(trainer: object, **options: object) -> object:
        began = time.process_time()
        result = train(trainer, **options)
        seconds.extend((result.metrics["train_runtime"], time.process_time() - began))
        return result

    train = tuning.SFTTrainer.train
    output = Path(tempfile.mkdtemp(dir=folder))
    settings = TrainingSettings(
        learning_rate=RATE, device=device, micro_batch=BATCH, gradient_checkpointing=False
    )
    plan = Plan(
        name="tiny",
        source=str(folder / "model"),
        settings=settings,
        epochs=EPOCHS,
        batch_size=BATCH,
        seed=42,
        rows=folder / "rows.jsonl",
        output=output,
    )
    tuning.SFTTrainer.train = timed  # the trainer's own clock, as for the script
    try:
        tokens = tuning.tune(plan, Kept())
    finally:
        tuning.SFTTrainer.train = train
    return {"tokens": tokens, "seconds": seconds[0], "cpu": seconds[1]}


def prepare(folder: Path, rows: int, width: int) -> None:
    """The model, and the rows in ftkit's form and in TRL's."""
    from tiny_model import as_jsonl, chat, make_model, news

    make_model(folder / "model", width=width)
    examples = [chat(*row) for row in news(rows)]
    (folder / "rows.jsonl").write_bytes(as_jsonl(examples))
    pairs = [{"prompt": row["messages"][:-1], "completion": row["messages"][-1:]} for row in examples]
    (folder / "pairs.jsonl").write_bytes(as_jsonl(pairs))


def compare(given: argparse.Namespace) -> None:
    """Alternate both and print the table."""
    found: dict[str, list[dict[str, float]]] = {"bare": [], "ours": []}
    with tempfile.TemporaryDirectory() as name:
        prepare(folder := Path(name), given.rows, given.width)
        for run in range(given.runs + 1):
            for kind in ("bare", "ours") if run % 2 == 0 else ("ours", "bare"):
                result = (bare if kind == "bare" else ours)(folder, given.device, given.threads)
                print(kind, result, file=sys.stderr)
                if run:
                    found[kind].append(result)
    print("| tokens/s, medians | bare TRL script | ftkit | ratio of a pair, median (range) |")
    print("|---|---|---|---|")
    tokens = found["ours"][0]["tokens"]
    for by, title in (("seconds", "by the clock"), ("cpu", "by processor time")):
        speeds = {kind: [tokens / run[by] for run in runs] for kind, runs in found.items()}
        ratios = [own / script for own, script in zip(speeds["ours"], speeds["bare"], strict=True)]
        script, own = (statistics.median(speeds[kind]) for kind in ("bare", "ours"))
        spread = f"{statistics.median(ratios):.3f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"| {title} | {script:,.0f} | {own:,.0f} | {spread} |")


def main() -> None:
    """Compare, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=240)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=("auto", "cpu"), default="auto")
    given = parser.parse_args()
    os.environ.update(QUIET)
    compare(given)


if __name__ == "__main__":
    main()
