"""Reports with something in every field, made directly: what renders them must not care who made them."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any

from ftkit.benchmarking.compare import Marks, compare_models, verdict
from ftkit.benchmarking.judging.results import Agreement, Dispute, Judged, JudgeReport, JudgeUsed
from ftkit.benchmarking.results import (
    BatchUsed,
    BenchmarkReport,
    BreakEven,
    Confusion,
    Disagreement,
    FrontierPoint,
    ModelScore,
    PartScore,
)
from ftkit.benchmarking.scoring import label_scores, macro_f1
from ftkit.benchmarking.statistics import wilson_interval

LABELS = ("negative", "neutral", "positive")
TUNED = "ft:gpt-4.1-mini:acme:sentiment:9f8e7d6c"
SHARES = {
    TUNED: 0.83,
    "gpt-4.1-mini": 0.76,
    "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo": 0.61,
    "gpt-4.1": 0.82,
    "mystery": 0.5,
}
PRICES: dict[str, float | None] = {
    TUNED: 0.42,
    "gpt-4.1-mini": 0.21,
    "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo": 0.018,
    "gpt-4.1": 1.05,
    "mystery": None,
}
WORDS = ("revenue", "profit", "margin", "outlook", "quarter", "sales", "guidance", "order", "growth")


def table_widths(markdown: str) -> list[set[int]]:
    """How many cells the lines of each Markdown table have; one number each where the table is whole."""
    found: list[set[int]] = []
    before = False
    for line in markdown.splitlines():
        if line.startswith("|"):
            if not before:
                found.append(set())
            found[-1].add(len(re.findall(r"(?<!\\)\|", line)) - 1)
        before = line.startswith("|")
    return found


def confusion(right: Sequence[int], chance: random.Random, labels: Sequence[str]) -> Confusion:
    """A matrix in which as many rows are right as in ``right``."""
    counts = [[0] * (len(labels) + 1) for _ in labels]
    for row, good in enumerate(right):
        label = row % len(labels)
        wrong = [column for column in range(len(labels) + 1) if column != label]
        counts[label][label if good else chance.choice(wrong)] += 1
    return Confusion(
        labels=tuple(labels), columns=(*labels, "other"), counts=tuple(tuple(one) for one in counts)
    )


def model_score(name: str, right: Sequence[int], values: Sequence[float], **fields: Any) -> ModelScore:
    """One model, with everything that a platform may tell of it."""
    n, correct = len(right), sum(right)
    low, high = wilson_interval(correct, n)
    found = confusion(right, random.Random(name), fields.pop("labels", LABELS))
    labels = label_scores(found)
    price, tuned = PRICES.get(name), name.startswith("ft:")
    known: dict[str, Any] = {
        "model": name,
        "title": name,
        "role": "tuned" if tuned else "base",
        "n": n,
        "correct": correct,
        "accuracy": correct / n,
        "low": low,
        "high": high,
        "continuous": bool(values),
        "score": sum(values) / n if values else None,
        "invalid": 3 if not tuned else 0,
        "prompt_tokens": 71 * n,
        "completion_tokens": 2 * n,
        "seconds": 312.0,
        "cost": None if price is None else price * n / 1000,
        "cost_note": "the catalog has no price for this model" if price is None else None,
        "macro_f1": macro_f1(labels),
        "per_label": labels,
        "confusion": found,
        "batches": (BatchUsed(id=f"batch_{name[:8]}", requests=n, requests_sha256="ab" * 32),),
        "batch_per_1000": price,
        "realtime_per_1000": None if price is None else 2 * price,
        "price_note": "the catalog has no price for this model" if price is None else None,
        "training_cost": 12.5 if tuned else None,
        "break_even": (
            BreakEven(other="gpt-4.1", batch=19_842, realtime=9_921),
            BreakEven(other="gpt-4.1-mini", note="never: a request costs more"),
        )
        if tuned
        else (),
        "cached": n if name == "gpt-4.1" else 0,
        "answered_from": "2026-01-02T03:04:05+00:00" if name == "gpt-4.1" else None,
        "via": "batch",
        "platform": "openai",
        "parts": (PartScore(name="intent", mean=0.9, rows=n), PartScore(name="amount", mean=0.7, rows=n))
        if values
        else (),
    }
    return ModelScore(**(known | fields))


def disagreement(row: int, models: dict[str, bool], words: int, chance: random.Random) -> Disagreement:
    """A row with a text of so many words."""
    truth = LABELS[row % 3]
    text = " ".join(chance.choice(WORDS) for _ in range(words))
    return Disagreement(
        row=row,
        line=row + 1,
        prompt=f"Company {row} says: <b>{text}</b> & more",
        expected=(truth,),
        answers={name: truth if right else LABELS[(row + 1) % 3] for name, right in models.items()},
        correct=models,
    )


def judged(models: Sequence[str], rows: int) -> JudgeReport:
    """What one judge says, measured by the truth."""
    used = JudgeUsed(
        judge="gpt-4.1", backend="openai", enforced=True, requests=rows, different=rows, asked=rows,
        cached=0, undecided=1, cost=0.31,
    )  # fmt: skip
    seen = Judged(
        judge="gpt-4.1", model="", n=rows, unusable=0, undecided=1, correct=200, share=0.78, low=0.7, high=0.8
    )
    one = Agreement(
        first="gpt-4.1", second="truth", n=rows, both=180, only_first=20, only_second=25, neither=75,
        share=0.85, low=0.81, high=0.89, kappa=0.66, kappa_low=0.57, kappa_high=0.75,
    )  # fmt: skip
    return JudgeReport(
        kind="correct",
        criteria="Is the label the one that a careful reader would give?",
        data="test.jsonl",
        rows=rows,
        models=tuple(models),
        judges=(used,),
        judged=tuple(seen.model_copy(update={"model": model}) for model in models),
        against_truth=(one,),
        disputes=(
            Dispute(
                row=3,
                question="Is it so?",
                expected=("no",),
                answers={models[0]: "yes"},
                verdicts={"gpt-4.1": "right"},
                reasons={"gpt-4.1": "It says <so>."},
                right=False,
            ),
        ),
        disputes_total=45,
        notes=("Note of a judge",),
        verdict="gpt-4.1 calls 78.0 % of the answers right.",
    )


def whole_report(
    rows: int = 300,
    *,
    shown: int = 120,
    words: int = 12,
    continuous: bool = False,
    judges: bool = True,
    **fields: Any,
) -> BenchmarkReport:
    """A report on five models with statistics, prices, judges, lineage and ``shown`` rows of ``words``."""
    chance = random.Random(7)
    right = {name: bytearray(chance.random() < share for _ in range(rows)) for name, share in SHARES.items()}
    values = {name: [min(1.0, chance.random() * 0.6 + 0.4 * g) for g in good] for name, good in right.items()}
    scores = [model_score(n, good, values[n] if continuous else ()) for n, good in right.items()]
    marks = {name: Marks(good, values[name]) for name, good in right.items()}
    compared = compare_models(scores, marks, continuous=continuous)
    reference, rival = compared.reference.model, compared.rival.model if compared.rival else ""
    picked = [row for row in range(rows) if right[reference][row] != right[rival][row]]
    best = {TUNED, "gpt-4.1-mini", "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo"}
    known: dict[str, Any] = {
        "metric": "json" if continuous else "label",
        "labels": LABELS,
        "confidence": 0.95,
        "data": "splits/test.jsonl",
        "data_sha256": "5e" * 32,
        "rows": rows,
        "platform": "openai",
        "models": tuple(compared.scores),
        "reference": reference,
        "rival": rival,
        "comparisons": tuple(compared.comparisons),
        "verdict": verdict(compared.reference, compared.comparisons),
        "majority_label": "neutral",
        "majority_share": 0.567,
        "disagreements": tuple(
            disagreement(
                row, {name: bool(good[row]) for name, good in right.items()}, words, chance
            ).model_copy(
                update={"values": {name: known[row] for name, known in values.items()}} if continuous else {}
            )
            for row in picked[:shown]
        ),
        "disagreements_total": len(picked),
        "judges": (judged(list(SHARES)[:2], rows),) if judges else (),
        "frontier": tuple(
            FrontierPoint(
                model=score.model,
                quality=score.figure[0],
                per_1000=PRICES[score.model],
                best=None if PRICES[score.model] is None else score.model in best,
            )
            for score in compared.scores
        ),
        "notes": ("gpt-4.1: all answers are from an earlier call of 2026-01-02",),
        "parameters": {"temperature": 0, "max_tokens": 8, "completion_window": "24h"},
        "files": {"answers": "answers.csv", "record": "report.json"},
        "lineage": {
            "Split": {"Part": "test (train 400, test 3,600 rows)", "Method": "rank, seed 42"},
            "Versions": {"ftkit": "0.1.0", "openai": "2.0"},
        },
        "created_at": "2026-01-02T03:04:05+00:00",
        "ftkit_version": "0.1.0",
    }
    return BenchmarkReport(**(known | fields))
