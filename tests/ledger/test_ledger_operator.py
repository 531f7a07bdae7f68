"""What an operator of a shared ledger meets: wrong addresses, no driver, a database that is away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from postgres_server import PASSWORD, PostgresServer, running
from sqlalchemy import make_url

from ftkit.errors import StorageError, UsageError
from ftkit.ledger import Ledger
from ftkit.settings import LedgerSettings, Settings, load_settings

Command = Callable[..., "subprocess.CompletedProcess[str]"]
COMMANDS = {
    "list": ("ledger", "list"),
    "doctor": ("doctor",),
    "resolve": ("models", "resolve", "sentiment"),
    "retrain": ("retrain", "sentiment", "--dry-run"),
}
WITHOUT = "import sys; sys.modules[{name!r}] = None; from ftkit.cli import main; main()"


@pytest.fixture
def wrong(request: pytest.FixtureRequest, postgres: PostgresServer) -> tuple[str, str]:
    """An address that leads nowhere, and what the database says of it."""
    url = make_url(postgres.address("postgres"))
    name = str(request.param)
    changed = {
        "password": (url.set(password="the wrong p@ss/word"), "password authentication failed"),
        "port": (url.set(port=1), "refused"),
        "database": (url.set(database="nobody-made-it"), "does not exist"),
        "user": (url.set(username="stranger"), "authentication failed"),
    }[name]
    return changed[0].render_as_string(hide_password=False), changed[1]


def secrets_of(url: str) -> set[str]:
    """The password, as it is and as the address has it."""
    return {str(make_url(url).password), url.partition("//")[2].partition(":")[2].rpartition("@")[0]}


@pytest.mark.parametrize("wrong", ["password", "port", "database", "user"], indirect=True)
@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_wrong_is_said_with_what_to_do_and_without_the_password(
    here: Command, monkeypatch: pytest.MonkeyPatch, wrong: tuple[str, str], command: str
) -> None:
    url, said = wrong
    monkeypatch.setenv("FTKIT_LEDGER_URL", url)
    done = here(*COMMANDS[command])
    text = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == (1 if command == "doctor" else StorageError.exit_code), text
    assert said in text and "Check the address in `[ledger] url` (FTKIT_LEDGER_URL)" in text
    assert str(make_url(url).username) + "@127.0.0.1" in text
    for secret in secrets_of(url):
        assert secret not in text
    assert "Traceback" not in text


@pytest.mark.parametrize("wrong", ["password"], indirect=True)
def test_nor_is_it_in_what_programs_read(
    here: Command, monkeypatch: pytest.MonkeyPatch, wrong: tuple[str, str]
) -> None:
    url, said = wrong
    monkeypatch.setenv("FTKIT_LEDGER_URL", url)
    done = here("doctor", "--json")
    (check,) = [one for one in json.loads(done.stdout)["checks"] if one["area"] == "ledger"]
    assert (check["name"], check["state"]) == ("database", "missing")
    assert said in check["detail"] and "FTKIT_LEDGER_URL" in check["mend"]
    for secret in secrets_of(url):
        assert secret not in done.stdout + done.stderr


def test_a_doctor_says_where_the_ledger_is_and_what_is_open_in_it(
    here: Command, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    monkeypatch.setenv("FTKIT_LEDGER_URL", database)
    ledger = Ledger(database)
    with ledger.claim("job", "p", {"n": 0}) as claim:
        claim.intend()
    ledger.close()
    done = here("doctor", "--json")
    (check,) = [one for one in json.loads(done.stdout)["checks"] if one["area"] == "ledger"]
    assert check["state"] == "ok"
    assert check["detail"].endswith("(operations: 1, without a known end: 1)")
    for secret in (*secrets_of(database), PASSWORD):
        assert secret not in done.stdout


def test_the_address_is_in_no_repr() -> None:
    settings = Settings(ledger=LedgerSettings(url="postgresql://team:s3cret-s3cret@host/db"))
    assert "s3cret" not in repr(settings) + repr(settings.ledger) + str(settings)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sqlalchemy", "SQLAlchemy is not installed"),
        ("psycopg", "the driver for postgresql+psycopg is not installed (psycopg)"),
    ],
)
def test_a_missing_extra_is_named(name: str, said: str) -> None:
    command = [sys.executable, "-c", WITHOUT.format(name=name), "ledger", "list"]
    env = os.environ | {"FTKIT_LEDGER_URL": "postgresql://team:s3cret-s3cret@127.0.0.1:1/db"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, check=False)
    assert done.returncode == 4 and said in done.stderr
    assert "pip install 'ftkit[sql]'" in done.stderr and "s3cret" not in done.stderr


@pytest.mark.parametrize(
    "password", ["plain", "with:colon", "with/slash", "with?question=1", "with#hash", "with%40at", "with@at"]
)
def test_no_form_of_a_password_is_shown(password: str) -> None:
    ledger = Ledger(f"postgresql://team:{password}@127.0.0.1:1/db")
    assert ledger.place == "postgresql://team@127.0.0.1:1/db"
    with pytest.raises((StorageError, UsageError)) as caught:
        list(ledger.operations())
    assert password not in str(caught.value)


def test_an_at_sign_in_a_password_is_said_to_be_written_otherwise() -> None:
    with pytest.raises(UsageError, match="An @ in a password is %40"):
        list(Ledger("postgresql://team:p@ss@127.0.0.1:1/db").operations())


def test_a_host_that_never_answers_is_given_up_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener that takes the connection and says nothing, as behind some firewalls."""
    import socket
    import time

    monkeypatch.setattr("ftkit.storage.engine.CONNECT_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(StorageError, match="timeout"):
            list(Ledger(f"postgresql://team@127.0.0.1:{silent.getsockname()[1]}/db").operations())
    assert time.monotonic() - began < 15


def test_an_own_patience_in_the_address_holds() -> None:
    from ftkit.storage.engine import CONNECT_SECONDS, make_engine

    for more, seconds in (("", str(CONNECT_SECONDS)), ("?connect_timeout=3", "3")):
        engine = make_engine(f"postgresql://team@127.0.0.1:1/db{more}", "place")
        arguments, values = engine.dialect.create_connect_args(engine.url)
        assert arguments == [] and values.get("connect_timeout", str(CONNECT_SECONDS)) == seconds


@pytest.mark.slow
def test_a_database_that_goes_away_in_the_middle_is_said_and_gone_on_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("ftkit.storage.advisory.AWAY_SECONDS", 2.0)
    with running() as server:
        url = server.database()
        monkeypatch.setenv("FTKIT_LEDGER_URL", url)
        ledger = Ledger(load_settings().ledger.url or "")
        with (
            pytest.raises(StorageError, match=r"the ledger cannot be used: .*refused") as caught,
            ledger.claim("job", "p", {"n": 0}) as claim,
        ):
            claim.intend()
            server.stop()
            claim.finish("job-1")
        assert "FTKIT_LEDGER_URL" in str(caught.value) and PASSWORD not in str(caught.value)
        with pytest.raises(StorageError, match="cannot be used"):
            ledger.claim("job", "p", {"n": 1}).__enter__()
        server.start()
        with ledger.claim("job", "p", {"n": 0}) as later:
            assert later.begun is not None and later.name == claim.name, "the platform is asked first"
            later.finish("job-1")
        assert [one.state for one in ledger.operations()] == ["done"]
        ledger.close()


@pytest.mark.slow
def test_a_database_that_is_away_for_moments_is_not_noticed_by_who_reads() -> None:
    with running() as server:
        ledger = Ledger(server.database())
        with ledger.claim("job", "p", {"n": 0}) as claim:
            claim.finish("job-1")
        server.stop("fast")
        server.start()  # its sessions are gone: the pool makes new ones
        assert [one.result_id for one in ledger.operations()] == ["job-1"]
        with ledger.claim("job", "p", {"n": 1}) as claim:
            claim.finish("job-2")
        assert [one.result_id for one in ledger.operations()] == ["job-1", "job-2"]
        ledger.close()
