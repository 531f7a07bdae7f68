"""Rules on the order in which the roles speak."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ftkit.validation import Case, Found, RowView, rule
from ftkit_validators.chat.examples import CONVERSATIONS, GOOD, REPLY, SYSTEM, USER, chat
from ftkit_validators.chat.roles import ROLES

_DEVELOPER = {**SYSTEM, "role": "developer"}
_INSTRUCTIONS = ("system", "developer")
_ASKED = {"severity": {"FT227": "error"}}


@rule("FT213", "no-assistant", bad=chat(SYSTEM, USER), good=GOOD, reads=())
def no_assistant(row: RowView) -> Iterator[Found]:
    """A model learns from what the assistant says. Without an assistant's message there is none."""
    if row.messages and "assistant" not in row.roles:
        hint = "Add the answer that the model should give."
        yield Found("no message is the assistant's", hint, row.messages_at)


@rule("FT214", "last-not-assistant", bad=chat(USER, REPLY, USER), good=GOOD, reads=())
def last_not_assistant(row: RowView) -> Iterator[Found]:
    """What follows the assistant's last message is never learnt from, and platforms refuse examples that do
    not end with an answer."""
    roles = row.roles
    if "assistant" in roles and roles[-1] != "assistant" and roles[-1] in ROLES:
        what = f"the last message is the {roles[-1]}'s, not the assistant's"
        hint = "Remove what comes after the last answer, or add the answer to it."
        yield Found(what, hint, row.at(len(roles) - 1))


@rule(
    "FT215",
    "system-not-first",
    severity="warning",
    bad=chat(USER, SYSTEM, REPLY),
    good=GOOD,
    kinds=CONVERSATIONS,
    reads=(),
)
def system_not_first(row: RowView) -> Iterator[Found]:
    """The system (or developer) message stands at the beginning. Most chat templates put it there whatever
    its place, or refuse it elsewhere; the model would be trained on a conversation that nobody meant."""
    roles = row.roles
    places = _instructions(roles)
    if places and places[0] > 0:
        first = places[0]
        what = f"the {roles[first]} message is number {first + 1}, not the first"
        yield Found(what, "Move it to the front.", row.at(first))


@rule(
    "FT216",
    "system-repeated",
    severity="warning",
    bad=chat(SYSTEM, SYSTEM, USER, REPLY),
    good=GOOD,
    kinds=CONVERSATIONS,
    reads=(),
)
def system_repeated(row: RowView) -> Iterator[Found]:
    """One conversation has one system (or developer) message. Several are joined by some platforms, cut by
    others and refused by the rest."""
    roles = row.roles
    for role in _INSTRUCTIONS:
        places = [place for place, given in enumerate(roles) if given == role]
        if len(places) > 1:
            yield Found(f"{len(places)} {role} messages", "Join them into one.", row.at(places[1]))


@rule(
    "FT226",
    "system-and-developer",
    severity="warning",
    bad=chat(SYSTEM, _DEVELOPER, USER, REPLY),
    good=GOOD,
    kinds=CONVERSATIONS,
    reads=(),
)
def system_and_developer(row: RowView) -> Iterator[Found]:
    """The developer role is the newer name of the system role: with OpenAI's o1 models and later, developer
    messages replace system messages. Both in one conversation are refused by some models, and by others read
    in an order that is not documented."""
    roles = row.roles
    places = _instructions(roles)
    other = next((place for place in places if roles[place] != roles[places[0]]), None)
    if other is not None:
        hint = f"Join it with the {roles[places[0]]} message."
        yield Found(f"a {roles[other]} message beside a {roles[places[0]]} message", hint, row.at(other))


# Together: "must start with system or user and alternate user and assistant afterwards"
# (https://docs.together.ai/docs/fine-tuning/data-preparation). The chat templates of Mistral's and of
# Gemma's models raise an error where user and assistant do not alternate.
@rule(
    "FT227",
    "roles-not-alternating",
    severity="off",
    bad=Case(chat(USER, USER, REPLY), options=_ASKED),
    good=Case(chat(SYSTEM, USER, REPLY, USER, REPLY), options=_ASKED),
    kinds=CONVERSATIONS,
    reads=(),
)
def roles_not_alternating(row: RowView) -> Iterator[Found]:
    """Some platforms and chat templates want that, after the system message, user and assistant take turns
    and the user begins (calls and their results do not count); others take any order. Off where the platform
    is not known to want it: ask for it with `--severity FT227=error` where your model's template does."""
    expected = "user"
    for place, role in enumerate(row.roles):
        if role in ("user", "assistant"):
            if role != expected and not _goes_on(row.roles, place):
                yield Found(*_turn(expected, place), row.at(place))
                return
            expected = "assistant" if role == "user" else "user"


def _goes_on(roles: Sequence[Any], place: int) -> bool:
    """Whether an assistant's message goes on with its turn, after a tool's results."""
    return roles[place] == "assistant" and place > 0 and roles[place - 1] in ("tool", "function")


def _turn(expected: str, place: int) -> tuple[str, str]:
    if expected == "assistant":
        return "two turns of the user in a row", "Join them into one message."
    if place and expected == "user":
        return "the user's turn was expected, and the assistant speaks", "Join two answers in a row into one."
    return "the assistant speaks first", "Begin with what the user asks."


def _instructions(roles: Sequence[Any]) -> list[int]:
    return [place for place, role in enumerate(roles) if role in _INSTRUCTIONS]


RULES = (
    no_assistant,
    last_not_assistant,
    system_not_first,
    system_repeated,
    system_and_developer,
    roles_not_alternating,
)
