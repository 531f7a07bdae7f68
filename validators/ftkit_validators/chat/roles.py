"""Rules on who speaks."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import partial
from typing import Any

from ftkit.validation import Case, Found, RowView
from ftkit.validation import rule as any_rule
from ftkit.validation.decode import kind_of
from ftkit_validators.chat.examples import CONVERSATIONS, GOOD, REPLY, USER, chat

rule = partial(any_rule, scope="message", kinds=CONVERSATIONS, reads=("role",))

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_OTHER_NAMES = {
    "human": "user",
    "customer": "user",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
}
_ASKED = {"severity": {"FT229": "error"}}
_LISTED = "Roles are: system, developer, user, assistant, tool."


@rule("FT205", "role-missing", bad=chat({"content": "What is 2+2?"}, REPLY), good=GOOD)
def role_missing(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """Every message says who speaks. Without a role the platform cannot tell the question from the answer,
    and refuses the file."""
    if "role" not in message:
        hint = "It is called 'from' here: rename it to 'role'." if "from" in message else _LISTED
        yield Found("the message has no 'role'", hint)
    elif not isinstance(message["role"], str):
        yield Found(f"the role is {kind_of(message['role'])}, not a string", _LISTED, ("role",))


@rule("FT206", "role-unknown", bad=chat({"role": "human", "content": "2+2?"}, REPLY), good=GOOD)
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


@rule("FT207", "role-wrong-case", bad=chat({**USER, "role": "User"}, REPLY), good=GOOD)
def role_wrong_case(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """Roles are written in small letters and without spaces around them; platforms compare them exactly."""
    role = message.get("role")
    if isinstance(role, str) and role not in ROLES and (plain := role.strip().lower()) in ROLES:
        yield Found(f"the role is written {role!r}", f"Write {plain!r}.", ("role",))


@rule(
    "FT229",
    "role-not-taken",
    severity="off",
    bad=Case(chat({"role": "developer", "content": "Be brief."}, USER, REPLY), options=_ASKED),
    good=Case(GOOD, options=_ASKED),
    params={"roles": ["system", "user", "assistant"]},
)
def role_not_taken(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """Some platforms know only the older roles (system, user, assistant): a developer's message or a tool's
    result is refused there, or framed by the chat template as a speaker that the model has never met. Off
    where the platform is not known to be one of them."""
    role, taken = message.get("role"), row.context.param(role_not_taken, "roles")
    if isinstance(role, str) and role in ROLES and role not in taken:
        hint = "Write 'system'." if role == "developer" else f"Roles here are: {', '.join(taken)}."
        yield Found(f"{row.context.provider.title} takes no role {role!r}", hint, ("role",))


RULES = (role_missing, role_unknown, role_wrong_case, role_not_taken)
