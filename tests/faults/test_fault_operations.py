"""Every operation under every fault ends well, by itself or called again, with its work done exactly once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scenarios import OPERATIONS, Operation, Outcome

CASES = [pytest.param(o, f, id=f"{o.name}-{f}") for o in OPERATIONS for f in o.faults]
Outcomes = Callable[[Operation, bool], dict[str, Outcome]]


@pytest.mark.parametrize(("operation", "fault"), CASES)
def test_a_fault_that_happens_once(outcomes: Outcomes, operation: Operation, fault: str) -> None:
    outcome = outcomes(operation, False)[fault]
    assert outcome.met, "the fault never happened: nothing was tested"
    assert outcome.survived, str(outcome)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("operation", "fault"), CASES)
def test_a_fault_that_lasts_until_the_client_gives_up(
    outcomes: Outcomes, operation: Operation, fault: str
) -> None:
    outcome = outcomes(operation, True)[fault]
    assert outcome.met, "the fault never happened: nothing was tested"
    assert outcome.survived, str(outcome)
