"""Rules on who speaks, and in which order."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from ftkit.validation import Found, RowView, rule
from ftkit.validation.decode import kind_of
from ftkit_validators.chat.examples import GOOD, REPLY, SYSTEM, USER, chat

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_OTHER_NAMES = {
    "human": "user",
    "customer": "user",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
}
_LISTED = "Roles are: system, developer, user, assistant, tool."


@rule("FT205", "role-missing", scope="message", bad=chat({"content": "What is 2+2?"}, REPLY), good=GOOD)
def role_missing(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """Every message says who speaks. Without a role the platform cannot tell the question from the answer,
    and refuses the file."""
    if "role" not in message:
        hint = "It is called 'from' here: rename it to 'role'." if "from" in message else _LISTED
        yield Found("the message has no 'role'", hint)
    elif not isinstance(message["role"], str):
        yield Found(f"the role is {kind_of(message['role'])}, not a string", _LISTED, ("role",))


@rule(
    "FT206", "role-unknown", scope="message", bad=chat({"role": "human", "content": "2+2?"}, REPLY), good=GOOD
)
def role_unknown(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """Chat templates know a fixed set of roles. Other names (human, gpt, bot, ...) come from other formats
    and are refused."""
    role = message.get("role")
    if not isinstance(role, str) or role in ROLES or role.strip().lower() in ROLES:
        return
    near = _OTHER_NAMES.get(role.lower()) or next(
        iter(difflib.get_close_matches(role.lower(), ROLES, n=1)), None
    )
    yield Found(f"unknown role {role[:40]!r}", f"Write {near!r}." if near else _LISTED, ("role",))


@rule("FT207", "role-wrong-case", scope="message", bad=chat({**USER, "role": "User"}, REPLY), good=GOOD)
def role_wrong_case(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """Roles are written in small letters and without spaces around them; platforms compare them exactly."""
    role = message.get("role")
    if isinstance(role, str) and role not in ROLES and (plain := role.strip().lower()) in ROLES:
        yield Found(f"the role is written {role!r}", f"Write {plain!r}.", ("role",))


@rule("FT213", "no-assistant", bad=chat(SYSTEM, USER), good=GOOD)
def no_assistant(row: RowView) -> Iterator[Found]:
    """A model learns from what the assistant says. Without an assistant's message there is none."""
    roles = _roles(row)
    if roles and "assistant" not in roles:
        yield Found(
            "no message is the assistant's", "Add the answer that the model should give.", ("messages",)
        )


@rule("FT214", "last-not-assistant", bad=chat(USER, REPLY, USER), good=GOOD)
def last_not_assistant(row: RowView) -> Iterator[Found]:
    """What follows the assistant's last message is never learnt from, and platforms refuse examples that do
    not end with an answer."""
    roles = _roles(row)
    if "assistant" in roles and roles[-1] != "assistant" and roles[-1] in ROLES:
        what = f"the last message is the {roles[-1]}'s, not the assistant's"
        hint = "Remove what comes after the last answer, or add the answer to it."
        yield Found(what, hint, ("messages", row.messages[-1][0]))


@rule("FT215", "system-not-first", severity="warning", bad=chat(USER, SYSTEM, REPLY), good=GOOD)
def system_not_first(row: RowView) -> Iterator[Found]:
    """The system (or developer) message stands at the beginning. Most chat templates put it there whatever
    its place, or refuse it elsewhere; the model would be trained on a conversation that nobody meant."""
    roles = _roles(row)
    if not roles or roles[0] in ("system", "developer"):
        return
    first = next((i for i, role in enumerate(roles) if role in ("system", "developer")), None)
    if first is not None:
        at = ("messages", row.messages[first][0])
        yield Found(
            f"the {roles[first]} message is number {first + 1}, not the first", "Move it to the front.", at
        )


@rule("FT216", "system-repeated", severity="warning", bad=chat(SYSTEM, SYSTEM, USER, REPLY), good=GOOD)
def system_repeated(row: RowView) -> Iterator[Found]:
    """One conversation has one system (or developer) message. Several are joined by some platforms, cut by
    others and refused by the rest."""
    again = [i for i, role in enumerate(_roles(row)) if role in ("system", "developer")][1:]
    if again:
        at = ("messages", row.messages[again[0]][0])
        yield Found(f"{len(again) + 1} system or developer messages", "Join them into one.", at)


def _roles(row: RowView) -> list[Any]:
    return [message.get("role") for _, message in row.messages]


RULES = (
    role_missing,
    role_unknown,
    role_wrong_case,
    no_assistant,
    last_not_assistant,
    system_not_first,
    system_repeated,
)
