"""The ledger in a database: its tables, its sessions that break, its faults in words, its settings."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest
from postgres_server import PASSWORD, PostgresServer, running

from ftkit.errors import ConfigurationError, StorageError, UsageError
from ftkit.gateway.connection import identity_of
from ftkit.ledger import Ledger, open_ledger
from ftkit.ledger.schema import SCHEMA
from ftkit.settings import LedgerSettings, Settings, load_settings
from ftkit.storage import storage_at
from ftkit.storage.base import Schema

Start = Callable[..., "Popen[str]"]
HOLD = """
with ledger.claim("job", "p", {"n": 0}) as claim:
    claim.intend()
    print(claim.name, flush=True)
    sys.stdin.readline()
    claim.finish("job-1")
    print("finished", flush=True)
"""


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """PostgreSQL, unless a test says otherwise."""
    return str(getattr(request, "param", "postgresql"))


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def tables(server: PostgresServer, url: str) -> set[object]:
    sql = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    return {row[0] for row in server.sql(sql, name_of(url))}


def end_sessions(server: PostgresServer, url: str) -> None:
    """As a network does that breaks, or an administrator."""
    server.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name_of(url)}'")


def line_of(process: Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go_on(process: Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_reading_makes_no_tables(ledger: Ledger, place: str, postgres: PostgresServer) -> None:
    assert list(ledger.operations()) == [] and ledger.passed("a", "b", "c") is None
    assert tables(postgres, place) == set()


def test_its_tables_stand_beside_others_under_names_of_their_own(
    ledger: Ledger, place: str, postgres: PostgresServer
) -> None:
    postgres.sql("CREATE TABLE log (ours TEXT); INSERT INTO log VALUES ('kept')", name_of(place))
    ledger.remember_pass("a", "b", "c")
    assert {name for name in tables(postgres, place) if not str(name).startswith("ftkit_")} == {"log"}
    assert postgres.sql("SELECT * FROM log", name_of(place)) == [("kept",)]


@pytest.mark.parametrize("kind", ["postgresql", "leases"], indirect=True)
def test_many_that_make_the_tables_at_once_make_them_once(start: Start, place: str) -> None:
    code = 'print("up", flush=True)\nsys.stdin.readline()\nledger.remember_pass(sys.argv[1], "p", "r")'
    processes = [start(code, str(number)) for number in range(3)]
    for process in processes:
        assert line_of(process) == "up"
    for process in processes:
        go_on(process)
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert all(Ledger(place).passed(str(number), "p", "r") == {} for number in range(3))


def test_a_newer_ledger_is_left_as_it_is(ledger: Ledger, place: str, postgres: PostgresServer) -> None:
    ledger.remember_pass("a", "b", "c", x=1)
    ledger.close()
    postgres.sql("UPDATE ftkit_schema SET version = 99", name_of(place))
    for use in (
        lambda: Ledger(place).remember_pass("a", "b", "c", x=2),
        lambda: Ledger(place).passed("a", "b", "c"),
    ):
        with pytest.raises(StorageError, match=r"newer ftkit \(schema 99") as caught:
            use()
        assert "Upgrade ftkit" in str(caught.value)
    assert postgres.sql("SELECT facts FROM ftkit_passes", name_of(place)) == [('{"x":1}',)]


def test_a_later_version_is_led_to_once_and_keeps_what_is_there(ledger: Ledger, place: str) -> None:
    ledger.remember_pass("a", "b", "c", x=1)
    later = ("ALTER TABLE {p}passes ADD COLUMN paid DOUBLE PRECISION", "UPDATE {p}passes SET paid = 1.5")
    newer = SCHEMA._replace(shared=(*SCHEMA.shared, later))
    for _ in range(2):
        store = storage_at(place, newer)
        with store.write() as to:
            assert to.rows("SELECT facts, paid FROM {p}passes") == [{"facts": '{"x":1}', "paid": 1.5}]
        store.close()


def test_two_memories_share_a_database_without_sharing_tables(ledger: Ledger, place: str) -> None:
    other = Schema("diary", 1, (), (("CREATE TABLE {p}diary (line {text} NOT NULL)",),))
    store = storage_at(place, other)
    with store.write() as to:
        to.execute("INSERT INTO {p}diary (line) VALUES (:line)", {"line": "dear"})
    ledger.remember_pass("a", "b", "c")
    assert store.rows("SELECT * FROM {p}diary") == [{"line": "dear"}]
    store.close()


def test_a_session_that_breaks_within_a_claim_is_made_anew_and_the_end_is_written(
    ledger: Ledger, place: str, postgres: PostgresServer
) -> None:
    with ledger.claim("job", "p", {"n": 0}) as claim:
        claim.intend()
        end_sessions(postgres, place)
        claim.finish("job-1")
        end_sessions(postgres, place)
    assert [o.result_id for o in ledger.operations()] == ["job-1"]
    with Ledger(place).claim("job", "p", {"n": 0}, wait=False) as later:
        assert later.result_id == "job-1", "the broken session holds no lock"


@pytest.mark.slow
def test_a_server_that_starts_again_within_a_claim_is_waited_for() -> None:
    with running() as server:  # one of its own: others go on with that of the session
        ledger = Ledger(server.database())
        with ledger.claim("job", "p", {"n": 0}) as claim:
            claim.intend()
            server.stop()
            back = threading.Timer(1.5, server.start)
            back.start()
            claim.finish("job-1")
            back.join()
        assert [(o.state, o.result_id) for o in ledger.operations()] == [("done", "job-1")]
        ledger.close()


@pytest.mark.parametrize("still_there", [True, False])
def test_who_lost_the_lock_to_another_cannot_write(
    ledger: Ledger, place: str, postgres: PostgresServer, start: Start, still_there: bool
) -> None:
    with (
        pytest.raises(StorageError, match="taken the lock" if still_there else "gone on with") as caught,
        ledger.claim("job", "p", {"n": 0}) as claim,
    ):
        claim.intend()
        end_sessions(postgres, place)
        other = start(HOLD.replace("claim.intend()", "claim.finish('job-of-the-other')"))
        line_of(other)
        if not still_there:
            go_on(other)
            assert line_of(other) == "finished"
        claim.finish("job-of-the-first")
    assert "Try again" in str(caught.value)
    assert "job-of-the-first" not in [o.result_id for o in ledger.operations()]


@pytest.mark.parametrize("kind", ["leases"], indirect=True)
def test_a_process_that_slept_through_its_lease_cannot_write(start: Start, ledger: Ledger) -> None:
    sleeper = start(HOLD)
    name = line_of(sleeper)
    sleeper.send_signal(signal.SIGSTOP)
    with ledger.claim("job", "p", {"n": 0}) as claim:
        assert claim.begun is not None and claim.name == name
        claim.finish("job-2")
        sleeper.send_signal(signal.SIGCONT)
        go_on(sleeper)
        _, errors = sleeper.communicate(timeout=30)
    assert sleeper.returncode != 0 and "taken the lock over" in errors
    assert [o.result_id for o in ledger.operations()] == ["job-2"]


@pytest.mark.parametrize("kind", ["leases"], indirect=True)
def test_a_lease_is_held_for_as_long_as_its_holder_lives(start: Start, ledger: Ledger) -> None:
    holder = start(HOLD)
    line_of(holder)
    stop = threading.Event()
    threading.Timer(6.0, stop.set).start()  # three leases long
    with (
        pytest.raises(Exception, match="at the same job"),
        Ledger(ledger_url(ledger), stop=stop).claim("job", "p", {"n": 0}),
    ):
        raise AssertionError("not reached")
    go_on(holder)
    assert line_of(holder) == "finished"


def ledger_url(ledger: Ledger) -> str:
    return ledger.place  # a file's address has no password


def test_what_is_committed_is_on_the_disk_where_the_database_would_not_wait_for_it(
    place: str, postgres: PostgresServer
) -> None:
    postgres.sql(f"ALTER DATABASE {name_of(place)} SET synchronous_commit = off")
    store = storage_at(place, SCHEMA)
    with store.write() as to:
        assert to.rows("SHOW synchronous_commit") == [{"synchronous_commit": "on"}]
        assert to.rows("SHOW tcp_keepalives_idle") == [{"tcp_keepalives_idle": "30"}]
    store.close()


def test_text_that_the_database_cannot_hold_is_kept_without_it(ledger: Ledger) -> None:
    with ledger.claim("job", "p", {"n": 0}) as claim:
        claim.intend()
        claim.abandon("refused\x00: \ud800 half")
    assert ledger.get(claim.key).history[-1].note == "refused: ? half"


def test_claims_leave_no_more_sessions_open_than_were_held_at_once(
    ledger: Ledger, place: str, postgres: PostgresServer
) -> None:
    for number in range(50):
        with ledger.claim("job", "p", {"n": number}):
            pass
    sql = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name_of(place)}'"
    ((sessions,),) = postgres.sql(sql)
    assert int(str(sessions)) <= 3


def test_the_password_is_in_no_error(place: str, postgres: PostgresServer) -> None:
    secret = place.partition("team:")[2].rpartition("@")[0]
    wrong = place.replace(secret, "not-the-password")
    assert wrong != place
    nowhere = place.replace(str(postgres.port), "1")
    for url, said in ((wrong, "password authentication failed"), (nowhere, "refused")):
        with pytest.raises(StorageError, match=said) as caught:
            list(Ledger(url).operations())
        text = str(caught.value)
        assert "FTKIT_LEDGER_URL" in text and "team@127.0.0.1" in text
        assert "not-the-password" not in text and secret not in text and PASSWORD not in text


@pytest.mark.parametrize(
    ("url", "kind_of", "said"),
    [
        ("nothing at all", UsageError, "no address of a database"),
        ("nosuch://host/db", UsageError, "cannot be used"),
        ("postgresql+asyncpg2://host/db", UsageError, "cannot be used"),
        ("mssql+pyodbc://host/db", ConfigurationError, "not installed"),
    ],
)
def test_addresses_that_lead_nowhere(url: str, kind_of: type[Exception], said: str) -> None:
    with pytest.raises(kind_of, match=said):
        list(Ledger(url).operations())


def test_the_address_comes_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ftkit.toml").write_text('[ledger]\nurl = "postgresql://team@db.example/ftkit"\n')
    assert open_ledger(load_settings()).place == "postgresql://team@db.example/ftkit"
    monkeypatch.setenv("FTKIT_LEDGER_URL", "postgresql://team:s3cret-s3cret@other.example/ftkit")
    found = open_ledger(load_settings())
    assert found.place == "postgresql://team@other.example/ftkit"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('url = "postgresql://team:s3cret@db.example/ftkit"', "a password does not belong in a file"),
        ('url = "postgresql://db.example/ftkit?password=s3cret"', "a password does not belong in a file"),
        ('url = "db.example"', "looks like postgresql://"),
        ("uri = 3", "unknown key"),
    ],
)
def test_wrong_addresses_in_a_file_are_said_with_their_line(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "ftkit.toml").write_text(f"[ledger]\n{line}\n")
    with pytest.raises(ConfigurationError, match=said) as caught:
        load_settings()
    assert "ftkit.toml:2" in str(caught.value) and "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["db.example", "team:s3cret-s3@db.example", "POSTGRESQL://team:s3cret@s3@db.example"]
)
def test_a_wrong_address_in_the_environment_is_said_by_its_name(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("FTKIT_LEDGER_URL", address)
    with pytest.raises(ConfigurationError, match="FTKIT_LEDGER_URL") as caught:
        load_settings()
    assert "db.example" in str(caught.value) and "s3" not in str(caught.value)


def test_the_local_platforms_of_two_machines_are_two_in_a_shared_ledger() -> None:
    own = identity_of(Settings(state_dir=Path("/state")))
    shared = Settings(state_dir=Path("/state"), ledger=LedgerSettings(url="postgresql://host/db"))
    assert own == "/state/local" and identity_of(shared) == f"{os.uname().nodename}:/state/local"


def test_a_waiter_on_another_machine_goes_on_when_the_holder_is_killed(start: Start, ledger: Ledger) -> None:
    holder = start(HOLD)
    name = line_of(holder)
    threading.Timer(0.3, holder.kill).start()
    began = time.monotonic()
    with ledger.claim("job", "p", {"n": 0}) as claim:
        assert claim.begun is not None and claim.name == name
    assert time.monotonic() - began < 10


def test_a_session_that_is_another_than_the_one_with_the_lock_is_said(place: str) -> None:
    """As behind a pooler that gives every transaction another session."""
    store = storage_at(place, SCHEMA)
    with store.holding(7, lambda _: None) as hold:
        hold._session += 1  # type: ignore[attr-defined]
        with pytest.raises(StorageError, match="changes sessions under a connection") as caught, hold.write():
            raise AssertionError("not reached")
        hold._session -= 1  # type: ignore[attr-defined]
        with hold.write():
            pass
    assert "PgBouncer" in str(caught.value)
    store.close()
