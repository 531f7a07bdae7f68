"""Every operation under every fault ends well, by itself or called again, with its work done exactly once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from scenarios import OPERATIONS, Operation, Outcome

ALIKE = {"408", "409", "429", "502", "503", "504", "503, Retry-After"}
ALIKE |= {f"{status}, carried out" for status in ("408", "502", "503", "504")}
"""What differs from another fault by a number only: always tried where money is at stake, else if slow."""
CASES = [(o, f) for o in OPERATIONS for f in o.faults]
Outcomes = Callable[[Operation, bool], dict[str, Outcome]]


def case(operation: Operation, fault: str) -> Any:
    """A test's parameters, marked where they are left out of the quick tests."""
    slow = fault in ALIKE and operation.name not in ("upload", "create a job", "batch: create")
    marks = [pytest.mark.slow] if slow else []
    return pytest.param(operation, fault, id=f"{operation.name}-{fault}", marks=marks)


@pytest.mark.parametrize(("operation", "fault"), [case(*one) for one in CASES])
def test_a_fault_that_happens_once(outcomes: Outcomes, operation: Operation, fault: str) -> None:
    outcome = outcomes(operation, False)[fault]
    assert outcome.met, "the fault never happened: nothing was tested"
    assert outcome.survived, str(outcome)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("operation", "fault"), [case(*one) for one in CASES])
def test_a_fault_that_lasts_until_the_client_gives_up(
    outcomes: Outcomes, operation: Operation, fault: str
) -> None:
    outcome = outcomes(operation, True)[fault]
    assert outcome.met, "the fault never happened: nothing was tested"
    assert outcome.survived, str(outcome)
