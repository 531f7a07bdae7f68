"""Every operation under every fault ends well, by itself or called again, with its work done exactly once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from scenarios import OPERATIONS, Operation, Outcome

COSTLY = ("upload", "create a job", "batch: create")
"""Operations that cost money when they are done twice: every fault is always tried."""
ALIKE = {f"{code}" for code in (408, 409, 429, 502, 503, 504)} | {"503, Retry-After"}
ALIKE |= {f"{code}, carried out" for code in (408, 502, 503, 504)}
ALIKE |= {
    "reset before",
    "reset, then refused",
    "reset mid-body",
    "timeout after",
    "200 with HTML, carried out",
}
"""Much like another fault: tried on the other operations only where there is time."""
CASES = [(o, f) for o in OPERATIONS for f in o.faults]
Outcomes = Callable[[Operation, bool], dict[str, Outcome]]


def case(operation: Operation, fault: str) -> Any:
    """A test's parameters, marked where they are left out of the quick tests."""
    slow = fault in ALIKE and operation.name not in COSTLY
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
