"""What one claim after the other learns: begun, done, abandoned, renewed, forgotten."""

from __future__ import annotations

import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ftkit import __version__
from ftkit.errors import DataError, UsageError
from ftkit.ledger import OPERATION, Ledger, Operation, key_of_operation, open_ledger
from ftkit.settings import Settings

HOSTED = "https://api.example.com/v1"
REQUEST = {"training_file": "file-1", "model": "m", "seed": 7}


def only(ledger: Ledger) -> Operation:
    (found,) = ledger.operations()
    return found


def test_a_new_operation_is_neither_begun_nor_done_and_leaves_no_trace(ledger: Ledger) -> None:
    with ledger.claim("job", HOSTED, REQUEST) as claim:
        assert (claim.begun, claim.done, claim.result_id, claim.result) == (None, False, None, {})
        assert claim.request == REQUEST
    assert list(ledger.operations()) == []


def test_what_was_intended_is_begun_for_the_next_with_its_time_name_and_facts(ledger: Ledger) -> None:
    with pytest.raises(ConnectionResetError), ledger.claim("job", HOSTED, REQUEST) as claim:
        claim.intend(bytes=12)
        name = claim.name
        raise ConnectionResetError
    time.sleep(0.01)
    with ledger.claim("job", HOSTED, REQUEST) as later:
        assert later.name == name and later.result == {"bytes": 12} and not later.done
        first = later.begun
        assert first is not None and abs(first.timestamp() - time.time()) < 60
        later.intend(bytes=13)
    with ledger.claim("job", HOSTED, REQUEST) as third:
        assert (third.begun, third.name, third.result) == (first, name, {"bytes": 13})
    assert only(ledger).attempts == 1


def test_an_intent_that_is_repeated_by_its_own_claim_keeps_its_time(ledger: Ledger) -> None:
    with ledger.claim("job", HOSTED, REQUEST) as claim:
        claim.intend()
        first = only(ledger).intended_at
        time.sleep(0.01)
        claim.intend(part=2)
    assert only(ledger).intended_at == first and only(ledger).attempts == 1


def test_what_is_done_is_known_to_the_next_and_to_another_ledger_object(
    ledger: Ledger, place: Path | str
) -> None:
    with ledger.claim("upload", HOSTED, REQUEST) as claim:
        claim.intend(bytes=12)
        claim.finish("file-9", status="processed")
        assert claim.done
    with Ledger(place).claim("upload", HOSTED, REQUEST) as later:
        assert later.done and later.result_id == "file-9" and later.begun is None
        assert later.result == {"bytes": 12, "status": "processed"}
        assert later.name == claim.name


def test_what_is_found_on_the_platform_may_be_finished_without_an_intent(ledger: Ledger) -> None:
    with ledger.claim("upload", HOSTED, REQUEST) as claim:
        claim.finish("file-9")
    found = only(ledger)
    assert (found.state, found.intended_at, found.attempts) == ("done", None, 0)
    assert found.done_at is not None


def test_an_abandoned_operation_is_as_if_it_had_not_been_but_for_the_log(ledger: Ledger) -> None:
    with ledger.claim("job", HOSTED, REQUEST) as claim:
        claim.intend(x=1)
        claim.abandon("refused with 400: no such file")
        assert not claim.done and claim.result == {}
    with ledger.claim("job", HOSTED, REQUEST) as later:
        assert (later.begun, later.done, later.result) == (None, False, {}) and later.name != claim.name
    story = ledger.get(claim.key)
    assert story.state == "abandoned"
    assert [(h.what, h.note) for h in story.history] == [
        ("intended", ""),
        ("abandoned", "refused with 400: no such file"),
    ]


def test_a_renewed_operation_is_done_again_under_a_new_name(ledger: Ledger) -> None:
    with ledger.claim("job", HOSTED, REQUEST) as claim:
        claim.intend()
        claim.finish("ftjob-1")
    with ledger.claim("job", HOSTED, REQUEST) as later:
        later.renew("it failed")
        assert not later.done and later.begun is None and later.name != claim.name
        later.intend()
        assert ledger.get(claim.key).name == later.name
        later.finish("ftjob-2")
    story = ledger.get("ftjob-2")
    assert story.attempts == 2
    assert [h.what for h in story.history] == ["intended", "done", "renewed", "intended", "done"]
    assert story.history[2].note == "it failed (ftjob-1)"
    assert story.history[1].name == claim.name and story.history[4].name == later.name


def test_what_was_renewed_stays_so_where_its_process_ends_before_the_next_intent(ledger: Ledger) -> None:
    with ledger.claim("job", HOSTED, REQUEST) as claim:
        claim.finish("ftjob-1")
        claim.renew("the platform lost it")
    with ledger.claim("job", HOSTED, REQUEST) as later:
        assert not later.done and later.begun is None and later.result == {}


def test_what_is_done_is_not_sent_again_by_mistake(ledger: Ledger) -> None:
    with ledger.claim("job", HOSTED, REQUEST) as claim:
        claim.finish("ftjob-1")
        with pytest.raises(RuntimeError, match="done as ftjob-1; renew it first"):
            claim.intend()
    assert only(ledger).state == "done"


def test_a_claim_ends_with_its_block(ledger: Ledger) -> None:
    with ledger.claim("job", HOSTED, REQUEST) as claim:
        pass
    with pytest.raises(RuntimeError, match="with-block"):
        claim.finish("ftjob-1")
    assert list(ledger.operations()) == []


def test_the_key_is_of_kind_platform_and_request_in_any_order() -> None:
    key = key_of_operation("job", HOSTED, REQUEST)
    assert len(key) == 32 and set(key) <= set("0123456789abcdef")
    assert key_of_operation("job", HOSTED, dict(reversed(REQUEST.items()))) == key
    others = [
        key_of_operation("batch", HOSTED, REQUEST),
        key_of_operation("job", "https://other/v1", REQUEST),
        key_of_operation("job", HOSTED, {**REQUEST, "seed": 8}),
        key_of_operation("job", HOSTED, {**REQUEST, "seed": None}),
    ]
    assert len({key, *others}) == 5


def test_a_key_is_the_same_in_every_version() -> None:
    """Pinned: were it to change, everything would be sent again."""
    assert key_of_operation("upload", "p", {"sha256": "00", "é": [1, 2.5, None]}) == (
        "d221e1e24a200f4e6e2e5a2e9e6a176a"
    )


def test_a_request_that_json_cannot_say_is_refused_before_anything_is_written(ledger: Ledger) -> None:
    with pytest.raises(DataError, match="JSON"), ledger.claim("job", HOSTED, {"x": object()}):
        raise AssertionError("not reached")
    with ledger.claim("job", HOSTED, {"rate": math.nan}) as claim:
        assert claim.request == {"rate": None}


def test_names_differ_for_each_attempt_and_begin_like_the_key(ledger: Ledger) -> None:
    names = set()
    for seed in range(20):
        with ledger.claim("job", HOSTED, {"seed": seed}) as claim:
            assert claim.key.startswith(claim.name.partition("-")[0])
            assert len(claim.name) <= 64 and OPERATION == "ftkit_operation"
            names |= {claim.name}
            claim.renew("again")
            names |= {claim.name}
    assert len(names) == 40


def test_the_log_says_who_wrote_it_and_holds_no_key(ledger: Ledger) -> None:
    secret = "sk-proj-0123456789abcdefghijklmnop"
    with ledger.claim("job", HOSTED, REQUEST) as claim:
        claim.abandon(f"refused: the key {secret} is wrong")
    (line,) = ledger.get(claim.key).history
    assert (line.pid, line.version) == (os.getpid(), __version__) and line.host
    assert secret not in line.note and "[redacted]" in line.note


def test_operations_come_in_order_and_by_kind_platform_and_state(ledger: Ledger) -> None:
    made = [("upload", HOSTED), ("job", HOSTED), ("batch", "https://other/v1")]
    for number, (kind, platform) in enumerate(made):
        with ledger.claim(kind, platform, {"n": number}) as claim:  # type: ignore[arg-type]
            claim.intend()
            if kind == "upload":
                claim.finish("file-1")
    assert [o.kind for o in ledger.operations()] == ["upload", "job", "batch"]
    assert [o.kind for o in ledger.operations("job")] == ["job"]
    assert [o.kind for o in ledger.operations(platform=HOSTED)] == ["upload", "job"]
    assert [o.kind for o in ledger.operations(state="begun")] == ["job", "batch"]
    assert list(ledger.operations("upload", state="begun")) == []
    assert [len(o.history) for o in ledger.operations(history=True)] == [2, 1, 1]
    assert [len(o.history) for o in ledger.operations()] == [0, 0, 0]


def test_an_operation_is_found_by_key_beginning_name_and_id(ledger: Ledger) -> None:
    keys = []
    for number in range(40):
        with ledger.claim("upload", HOSTED, {"n": number}) as claim:
            claim.finish(f"file-{number}")
        keys.append(claim.key)
    for word in (claim.key, claim.key[:12], claim.name, "file-39"):
        assert ledger.get(word).key == claim.key
    twice = next(k[0] for k in keys if sum(other[0] == k[0] for other in keys) > 1)
    for word, said in ((twice, "several operations"), ("file-40", "no operation"), ("", "no operation")):
        with pytest.raises(UsageError, match=said):
            ledger.get(word)
    with pytest.raises(UsageError, match="no operation"):
        ledger.get("*")


def test_one_id_may_stand_for_two_operations(ledger: Ledger) -> None:
    """The same bytes for two purposes, on a platform that keeps one file of them."""
    for purpose in ("batch", "fine-tune"):
        with ledger.claim("upload", HOSTED, {"purpose": purpose}) as claim:
            claim.finish("file-1")
    with pytest.raises(UsageError, match="several"):
        ledger.get("file-1")


def test_what_is_forgotten_is_sent_anew(ledger: Ledger) -> None:
    with ledger.claim("upload", HOSTED, REQUEST) as claim:
        claim.intend()
        claim.finish("file-1")
    ledger.forget(claim.key)
    assert list(ledger.operations()) == []
    with ledger.claim("upload", HOSTED, REQUEST) as later:
        assert not later.done and later.begun is None and later.name != claim.name
        later.intend()
    assert [h.what for h in ledger.get(claim.key).history] == ["intended", "done", "forgotten", "intended"]


def test_what_is_not_known_or_held_cannot_be_forgotten(ledger: Ledger) -> None:
    for key in ("0" * 32, "no key at all", ""):
        with pytest.raises(UsageError, match="no operation"):
            ledger.forget(key)
    with ledger.claim("upload", HOSTED, REQUEST) as claim:
        claim.intend()
        with ThreadPoolExecutor(1) as other, pytest.raises(UsageError, match="at this operation now"):
            other.submit(ledger.forget, claim.key).result()
    assert only(ledger).state == "begun"


def test_passes_are_remembered_by_content_platform_and_rules(ledger: Ledger, place: Path | str) -> None:
    assert ledger.passed("ab", "openai", "r1") is None
    ledger.remember_pass("ab", "openai", "r1", rows=3)
    ledger.remember_pass("ab", "openai", "r2")
    assert ledger.passed("ab", "openai", "r1") == {"rows": 3}
    assert ledger.passed("ab", "openai", "r2") == {}
    assert ledger.passed("ab", "kluster", "r1") is None
    assert ledger.passed("cd", "openai", "r1") is None
    ledger.remember_pass("ab", "openai", "r1", rows=4)
    assert Ledger(place).passed("ab", "openai", "r1") == {"rows": 4}


def test_what_a_file_holds_is_known_when_the_upload_is_forgotten_or_renewed(ledger: Ledger) -> None:
    with ledger.claim("upload", HOSTED, {"sha256": "ab"}) as claim:
        claim.finish("file-1")
        claim.renew("it vanished")
        claim.finish("file-2")
    ledger.forget(claim.key)
    assert [ledger.content_of(HOSTED, f"file-{n}") for n in (1, 2, 3)] == ["ab", "ab", None]
    assert ledger.content_of("https://other/v1", "file-1") is None


def test_it_lies_in_the_state_directory_and_stays_there_when_one_walks_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = open_ledger(Settings(state_dir=Path("here")))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with found.claim("job", HOSTED, REQUEST) as claim:
        claim.intend()
    assert found.place == str(tmp_path / "here" / "ledger.db") and Path(found.place).exists()
    found.close()
