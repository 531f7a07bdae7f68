"""The attention caches of sequences that are written together: sequences join and leave at any step.

Every sequence ends at the last column; the shorter ones are padded on the left, and the mask says where.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache

_PLAIN = frozenset(("full_attention", "sliding_attention", "chunked_attention", "attention"))


def other_layers(config: Any) -> list[str]:
    """Kinds of a model's layers whose memory is not one of keys and values: they cannot be run here."""
    return sorted(set(getattr(config, "layer_types", None) or ()) - _PLAIN)


class Columns:
    """The cache of some sequences, its mask (sequences × columns, true where there is a token)."""

    def __init__(self, cache: DynamicCache, mask: Tensor) -> None:
        self.cache = cache
        self.mask = mask

    @classmethod
    def empty(cls, mask: Tensor) -> Columns:
        """For prompts that are about to be read. Whole caches for all layers: windows are masks here."""
        return cls(DynamicCache(), mask)

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.mask.shape[1])

    def widen(self) -> None:
        """A column for the next token of every sequence."""
        self.mask = pad(self.mask, (0, 1), value=True)

    def select(self, rows: Sequence[int]) -> None:
        """Keep these sequences (one may be named repeatedly), without the columns that none of them uses."""
        index = torch.tensor(list(rows), device=self.mask.device)
        mask = self.mask[index]
        first = int(mask.any(dim=0).int().argmax())
        self.mask = mask[:, first:]
        for layer in _layers(self.cache):
            layer.keys = layer.keys[index.to(layer.keys.device), :, first:]
            layer.values = layer.values[index.to(layer.values.device), :, first:]

    def join(self, others: Columns) -> None:
        """Put other sequences behind these."""
        width = max(self.width, others.width)
        self._pad_to(width)
        others._pad_to(width)
        self.mask = torch.cat([self.mask, others.mask])
        for mine, theirs in zip(_layers(self.cache), _layers(others.cache), strict=True):
            mine.keys = torch.cat([mine.keys, theirs.keys])
            mine.values = torch.cat([mine.values, theirs.values])

    def _pad_to(self, width: int) -> None:
        missing = width - self.width
        if missing == 0:
            return
        self.mask = pad(self.mask, (missing, 0), value=False)
        for layer in _layers(self.cache):
            layer.keys = pad(layer.keys, (0, 0, missing, 0))
            layer.values = pad(layer.values, (0, 0, missing, 0))


def _layers(cache: DynamicCache) -> list[Any]:
    return [layer for layer in cache.layers if getattr(layer, "keys", None) is not None]


def bytes_per_token(config: Any, dtype: torch.dtype) -> int:
    """What one token takes in a cache of this model."""
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(2 * config.num_hidden_layers * heads * size * dtype.itemsize)
