"""A tiny Llama with random weights, a tokenizer trained on the spot, and sentences like those of the news."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

SYSTEM = "Say how the news is for the company: positive, negative or neutral."
CHATML = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
_COMPANIES = ("Aspo", "Elcoteq", "Kemira", "Outotec", "Ramirent", "Teleste", "Vaisala", "YIT")
_FIGURES = ("net sales", "operating profit", "the order book", "pre-tax profit", "turnover")
_MOVES = {
    "positive": ("rose", "grew clearly", "improved"),
    "negative": ("fell", "shrank clearly", "worsened"),
    "neutral": ("will be reported", "is described", "was presented"),
}


def news(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """(sentence, label) pairs; the label follows from the verb."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        label = ("positive", "negative", "neutral")[number % 3]
        company, figure, move = draw.choice(_COMPANIES), draw.choice(_FIGURES), draw.choice(_MOVES[label])
        quarter, year = draw.randint(1, 4), draw.randint(2001, 2014)
        rows.append((f"{company} says that {figure} {move} in quarter {quarter} of {year} .", label))
    return rows


def chat(sentence: str, label: str, **extra: Any) -> dict[str, Any]:
    """A row of a training file."""
    return {
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": sentence},
            {"role": "assistant", "content": label, **extra},
        ]
    }


def pair(sentence: str, better: str, worse: str) -> dict[str, Any]:
    """A row of a preference file."""
    return {
        "input": {"messages": chat(sentence, "")["messages"][:2]},
        "preferred_output": [{"role": "assistant", "content": better}],
        "non_preferred_output": [{"role": "assistant", "content": worse}],
    }


def as_jsonl(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Rows as a file's bytes."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def make_tokenizer(texts: Iterable[str], template: str | None = CHATML) -> Any:
    """A byte-level BPE tokenizer of 600 tokens, trained on the texts."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=special, initial_alphabet=alphabet)
    core.train_from_iterator(texts, trainer)
    end = "<|im_end|>" if template else "<|endoftext|>"
    made = PreTrainedTokenizerFast(tokenizer_object=core, eos_token=end, pad_token="<|endoftext|>")
    made.chat_template = template
    return made


def make_model(folder: Path, *, template: str | None = CHATML, seed: int = 0, width: int = 128) -> Path:
    """Save a Llama of about a million parameters (at ``width`` 128) and its tokenizer in a folder."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    texts = [text for sentence, label in news(300, seed=7) for text in (sentence, label, SYSTEM)]
    tokenizer = make_tokenizer([*texts, "system\n user\n assistant\n"], template)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        initializer_range=0.1,  # wide enough that adapters alone can reach sure answers
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
