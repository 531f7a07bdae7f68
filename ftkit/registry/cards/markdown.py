"""A model card as Markdown, with the front matter of the Hub; every text from outside is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ftkit.registry.cards.card import Card, Weights
from ftkit.registry.cards.metadata import metadata_of
from ftkit.registry.cards.yaml import yaml
from ftkit.registry.lineage import Benchmark, Label, Lineage, Score
from ftkit.registry.results import Move

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#&$])")
_LIST = re.compile(r"^(\d*)([-+=.)])(?=[-+=\s]|$)")
"""What would make a list or a line of the beginning of a text."""
_MOST_LABELS = 30
_PLACES = {"local": "ftkit's local platform"}


def to_markdown(card: Card) -> str:
    """The whole card: metadata, what the model is, how to ask it, data, training, evaluation, history."""
    sections = {
        "How to ask it": _use(card),
        "How to load it": _load(card.weights),
        "Before you use it": (f"- {plain(text)}" for text in card.warnings),
        "Data": _data(card.version.lineage),
        "Training": _training(card.version.lineage),
        "Evaluation": _evaluation(card),
        "History": _history(card.history),
        "Versions": _versions(card.version.lineage),
    }
    lines = [f"# {plain(card.title)}", "", *_lead(card)]
    for title, found in sections.items():
        if body := list(found):
            lines += ["", f"## {title}", "", *body]
    return f"---\n{yaml(metadata_of(card))}---\n\n" + "\n".join(lines) + "\n"


def plain(text: object) -> str:
    """A text with nothing in it that Markdown or HTML would read as markup."""
    return _LIST.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", " ".join(str(text).split())))


def code(text: object) -> str:
    """A text between backticks, with a fence that it does not hold."""
    said = " ".join(str(text).split()) or "–"
    fence = "`" * (max((len(run) for run in re.findall("`+", said)), default=0) + 1)
    pad = " " if "`" in said else ""
    return f"{fence}{pad}{said}{pad}{fence}"


def code_cell(text: object) -> str:
    """A text between backticks in a table, which parts its cells before it looks for code."""
    return code(text).replace("|", "\\|")


def _lead(card: Card) -> Iterator[str]:
    version, lineage = card.version, card.version.lineage
    if lineage.title:
        yield plain(f"{lineage.title}.")
        yield ""
    tuned = f", tuned from {code(lineage.base_model)}" if lineage.base_model else ""
    place = f" on {plain(_PLACES.get(lineage.platform, lineage.platform))}" if lineage.platform else ""
    yield f"The model {code(version.model)}{place}{tuned}."
    if version.aliases:
        names = ", ".join(code(f"{version.name}@{alias}") for alias in version.aliases)
        yield ""
        yield f"It is what {names} stands for."
    if lineage.description:
        yield ""
        yield plain(lineage.description)


def _use(card: Card) -> Iterator[str]:
    version = card.version
    which = version.aliases[0] if version.aliases else version.version
    yield "```python"
    yield "import ftkit"
    yield ""
    yield f'found = ftkit.resolve("{version.name}@{which}")'
    yield "with ftkit.connect(found.platform, base_url=found.base_url) as platform:"
    yield '    reply = platform.chat.complete(found.model, [{"role": "user", "content": "..."}])'
    yield "```"


def _load(weights: Weights | None) -> Iterator[str]:
    """The files beside the card in any program; ``HERE`` is their folder, or its name on the Hub."""
    if weights is None:
        return
    if weights.library == "ftkit":
        yield "The files beside this card are in ftkit's own format: its local platform answers with them."
        return
    kind = "PeftModelForCausalLM" if weights.library == "peft" else "ModelForCausalLM"
    yield "```python"
    yield f"from {weights.library} import Auto{kind}"
    yield "from transformers import AutoTokenizer"
    yield ""
    yield f'model = Auto{kind}.from_pretrained("HERE")'
    yield 'tokenizer = AutoTokenizer.from_pretrained("HERE")'
    yield "```"


def _data(lineage: Lineage) -> Iterator[str]:
    if lineage.source:
        # a path of somebody's machine is nobody else's business
        name = Path(lineage.source).name if Path(lineage.source).is_absolute() else lineage.source
        yield f"- Source: {code(name)}"
    if lineage.source_sha256:
        yield f"- SHA-256 of the source: {code(lineage.source_sha256)}"
    if lineage.parts:
        yield ""
        rows = [
            (plain(name), f"{part.rows:,}" if part.rows is not None else "–", code_cell(part.sha256))
            for name, part in lineage.parts.items()
        ]
        yield from table(("part", "rows", "SHA-256"), rows, right=(1,))


def _training(lineage: Lineage) -> Iterator[str]:
    said = {
        "Platform": lineage.platform,
        "Base model": lineage.base_model,
        "Method": lineage.method,
        "Job": lineage.job,
        "Finished": lineage.finished_at,
        "Trained tokens": f"{lineage.trained_tokens:,}" if lineage.trained_tokens is not None else None,
        "Cost": f"${lineage.training_cost:,.2f}" if lineage.training_cost is not None else None,
        "Seed": lineage.seed,
        "Recipe": lineage.recipe,
        "SHA-256 of the recipe": lineage.parameters_sha256,
        **{f"Hyperparameter {name}": value for name, value in lineage.hyperparameters.items()},
    }
    for name, value in said.items():
        if value is not None:
            yield f"- {plain(name)}: {code(value)}"


def _evaluation(card: Card) -> Iterator[str]:
    several = len(card.version.lineage.benchmarks) > 1
    for task, found in card.version.lineage.benchmarks.items():
        if several:
            yield f"### {plain(task)}"
            yield ""
        yield from _benchmark(found, card.version.model)
        if several:
            yield ""


def _benchmark(found: Benchmark, model: str) -> Iterator[str]:
    data = f" (SHA-256 {code(found.data_sha256)})" if found.data_sha256 else ""
    yield f"{found.rows:,} held-out rows{data}, scored by {code(found.metric)}."
    yield ""
    scores = sorted(found.scores, key=lambda score: -score.value)
    yield from table(
        ("model", found.measure, "95 % interval", "no usable answer", "$ for 1,000"),
        [_score(score, score.model == model) for score in scores],
        right=(1, 2, 3, 4),
    )
    if found.majority_share is not None:
        yield ""
        yield f"Always giving the most frequent answer would reach {_percent(found.majority_share)}."
    if found.verdict:
        yield ""
        yield plain(found.verdict)
    if found.labels:
        yield ""
        yield from _labels(found.labels)


def _score(score: Score, this: bool) -> tuple[str, ...]:
    between = (
        f"{score.low * 100:.1f} – {score.high * 100:.1f} %"
        if score.low is not None and score.high is not None
        else "–"
    )
    price = f"{score.per_1000:,.4f}" if score.per_1000 is not None else "unknown"
    name = code_cell(score.model)
    name = f"**{name}**" if this else name
    note = f" (stands in for {plain(score.stand_in_for)})" if score.stand_in_for else ""
    return name + note, _percent(score.value), between, f"{score.unusable:,}", price


def _labels(labels: Sequence[Label]) -> Iterator[str]:
    rows = [
        (plain(one.label), f"{one.support:,}", *(_percent(x) for x in (one.precision, one.recall, one.f1)))
        for one in labels[:_MOST_LABELS]
    ]
    yield from table(("label", "rows", "precision", "recall", "F1"), rows, right=(1, 2, 3, 4))
    if len(labels) > _MOST_LABELS:
        yield ""
        yield f"And {len(labels) - _MOST_LABELS:,} more labels."


def _history(moves: Sequence[Move]) -> Iterator[str]:
    rows = [
        (
            f"{move.at:%Y-%m-%d %H:%M} UTC",
            plain(move.alias),
            plain(move.what),
            f"{f'{move.before} → ' if move.before else ''}{move.version}",
            plain(move.reason),
        )
        for move in moves
    ]
    if rows:
        yield from table(("when", "alias", "what", "version", "why"), rows)


def _versions(lineage: Lineage) -> Iterator[str]:
    if lineage.versions:
        yield ", ".join(f"{plain(name)} {plain(number)}" for name, number in lineage.versions.items())


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> Iterator[str]:
    """A table; its cells are Markdown already. ``right`` are the columns of numbers."""
    yield f"| {' | '.join(headers)} |"
    yield f"| {' | '.join('---:' if n in right else '---' for n in range(len(headers)))} |"
    for cells in rows:
        yield f"| {' | '.join(cells)} |"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.1f} %"
