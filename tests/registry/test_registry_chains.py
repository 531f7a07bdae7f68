"""Any chain of promotions and rollbacks, held against a stack of versions for each alias."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ftkit.errors import Busy, UsageError
from ftkit.registry import Lineage, Registry
from ftkit.registry.registry import REGISTRY_FILE, SCHEMA
from ftkit.settings import Settings
from ftkit.storage import open_storage

ALIASES = st.sampled_from(["champion", "fallback"])
MODELS = st.sampled_from(["ft:a", "ft:b", "ft:c"])
LOCAL = Lineage(platform="local")


class Chains(RuleBasedStateMachine):
    """A promotion lays a version on its alias's stack, a rollback takes the top one away."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        settings = Settings(state_dir=Path(self.folder.name))
        self.registry = Registry(open_storage(settings, REGISTRY_FILE, SCHEMA))
        self.stacks: dict[str, list[str]] = {}
        self.numbers: dict[str, int] = {}
        self.moves = 0

    def teardown(self) -> None:
        self.registry.close()
        self.folder.cleanup()

    def top(self, alias: str) -> str | None:
        stack = self.stacks.get(alias)
        return stack[-1] if stack else None

    @rule(model=MODELS, alias=ALIASES)
    def promote(self, model: str, alias: str) -> None:
        before = self.top(alias)
        done = self.registry.promote("mood", model, LOCAL, alias=alias)
        self.numbers.setdefault(model, len(self.numbers) + 1)
        assert done.version == self.numbers[model]
        assert done.changed == (before != model)
        if done.changed:
            assert done.before_model == before
            self.stacks.setdefault(alias, []).append(model)
            self.moves += 1

    @rule(model=MODELS)
    def register(self, model: str) -> None:
        self.numbers.setdefault(model, len(self.numbers) + 1)
        assert self.registry.register("mood", model, LOCAL).version == self.numbers[model]

    @rule(alias=ALIASES)
    def rollback(self, alias: str) -> None:
        stack = self.stacks.get(alias, [])
        if len(stack) < 2:
            with pytest.raises(UsageError):
                self.registry.before("mood", alias)
            with pytest.raises(UsageError):
                self.registry.rollback("mood", alias=alias)
            return
        assert self.registry.before("mood", alias).model == stack[-2]
        left = stack.pop()
        done = self.registry.rollback("mood", alias=alias)
        assert (done.model, done.before_model, done.changed) == (stack[-1], left, True)
        self.moves += 1

    @rule(alias=ALIASES, model=MODELS)
    def decide_on_old_ground(self, alias: str, model: str) -> None:
        top = self.top(alias)
        if model == top:
            return
        wrong = 1 + max(self.numbers.values(), default=0)
        with pytest.raises(Busy):
            self.registry.promote("mood", model, LOCAL, alias=alias, expected=wrong)

    @invariant()
    def every_alias_stands_where_its_stack_ends(self) -> None:
        versions = self.registry.versions("mood")
        assert [(v.version, v.model) for v in versions] == [(n, m) for m, n in self.numbers.items()]
        for alias, stack in self.stacks.items():
            assert self.registry.resolve(f"mood@{alias}").model == stack[-1]
        told = self.registry.history("mood") if versions else ()
        assert len(told) == self.moves
        for version in versions:
            assert set(version.aliases) == {a for a in self.stacks if self.top(a) == version.model}


TestChains = Chains.TestCase
TestChains.settings = examples(max_examples=12, stateful_step_count=15, deadline=None)
