"""A real PostgreSQL for tests: found where Debian or a PATH has it, started on a free port, thrown away."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

PASSWORD = "a-test's password/with@signs"


def find(program: str) -> Path | None:
    """A program of PostgreSQL's server: on the PATH, else the newest of Debian's folders."""
    if (there := shutil.which(program)) is not None:
        return Path(there).resolve()
    return next(iter(sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), reverse=True)), None)


class PostgresServer:
    """One server with a role that has a password; ``database()`` gives the address of an empty database."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.port = _free_port()
        self._as: tuple[str, ...] = ()
        if os.geteuid() == 0:  # the server refuses to run as root
            self._as = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
            shutil.chown(folder, "nobody", "nogroup")
        (folder / "password").write_text(PASSWORD)
        self._run("initdb", "-D", self.data, "-U", "team", "--pwfile", folder / "password", "-A", "scram-sha-256",
                  "--no-sync", "-E", "UTF8", "--locale=C")  # fmt: skip
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run("pg_ctl", "-D", self.data, "-w", "-l", self.folder / "log", "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; every session breaks."""
        self._run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def database(self) -> str:
        """The address of an empty database, with the password in it."""
        name = f"t{secrets.token_hex(6)}"
        self.sql(f"CREATE DATABASE {name}")
        return self.address(name)

    def address(self, name: str) -> str:
        """The address of a database."""
        from sqlalchemy import URL

        url = URL.create("postgresql", "team", PASSWORD, "127.0.0.1", self.port, name)
        return url.render_as_string(hide_password=False)

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement by a connection of its own."""
        import psycopg

        values = {"host": "127.0.0.1", "port": self.port, "user": "team", "password": PASSWORD}
        with psycopg.connect(**values, dbname=database, autocommit=True) as connection:  # type: ignore[arg-type]
            cursor = connection.execute(statement)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def _run(self, program: str, *arguments: str | Path) -> None:
        command: Sequence[str | Path] = [*self._as, str(find(program)), *arguments]
        # pg_ctl's child keeps what it inherits: a pipe would never end
        with (self.folder / "said").open("ab") as said:
            done = subprocess.run(command, stdout=said, stderr=said, timeout=60, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {(self.folder / 'said').read_text()[-2000:]}")


def start_or_skip(folder: Path) -> PostgresServer:
    """A server in ``folder``; where there is no PostgreSQL the test is skipped, and says so."""
    if find("initdb") is None or find("pg_ctl") is None:
        pytest.skip("no PostgreSQL is installed (Debian: apt-get install postgresql)")
    return PostgresServer(folder)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
