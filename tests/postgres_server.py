"""A real PostgreSQL for tests: found where Debian or a PATH has it, started on a free port, thrown away."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
        self._as = servant()
        self._spare: list[str] = []
        if self._as:
            os.chown(folder, self._as["user"], self._as["group"])
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)  # an earlier test's umask may be stricter
        made = ("-U", "team", "--pwfile", folder / "password", "-A", "scram-sha-256", "-E", "UTF8")
        self._run("initdb", "-D", self.data, *made, "--no-sync", "--locale=C")
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._run("pg_ctl", "-D", self.data, "-w", "-l", self.folder / "log", "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; every session breaks."""
        self._run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def database(self) -> str:
        """The address of an empty database, with the password in it."""
        name = f"t{secrets.token_hex(6)}"
        self.sql(f"CREATE DATABASE {name}")
        return self.address(name)

    @contextmanager
    def lent(self) -> Iterator[str]:
        """The address of an empty database that others had before: a new one is 7 MB of files."""
        url = self._spare.pop() if self._spare else self.database()
        yield url
        name = url.rpartition("/")[2]
        self.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        self.sql(f"ALTER DATABASE {name} RESET ALL")
        self.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public", name)
        self._spare.append(url)

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
        command: list[str | Path] = [str(find(program)), *arguments]
        # pg_ctl's child keeps what it inherits: a pipe would never end
        with (self.folder / "said").open("ab") as said:
            done = subprocess.run(
                command, stdout=said, stderr=said, timeout=120, check=False, cwd=self.folder, **self._as
            )
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {(self.folder / 'said').read_text()[-2000:]}")


@contextmanager
def running() -> Iterator[PostgresServer]:
    """A server in a folder of its own, thrown away at the end; where none can run, the test is skipped."""
    if find("initdb") is None or find("pg_ctl") is None:
        pytest.skip("no PostgreSQL is installed (Debian: apt-get install postgresql)")
    with tempfile.TemporaryDirectory(prefix="ftkit-pg", dir=_open_to(servant())) as name:
        server = PostgresServer(Path(name))
        try:
            yield server
        finally:
            server.stop()


def servant() -> dict[str, Any]:
    """What makes root's processes somebody else's, as the server refuses to run as root; else empty."""
    if os.geteuid() != 0:
        return {}
    import pwd

    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = known.get("postgres") or known.get("nobody")
    if user is None:
        pytest.skip("PostgreSQL does not run as root, and here is no user postgres or nobody")
    found = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    try:
        subprocess.run([str(find("initdb")), "--version"], check=True, capture_output=True, cwd="/", **found)
    except PermissionError:
        pytest.skip("PostgreSQL does not run as root, and this container lets root become nobody else")
    return found


def _open_to(other: dict[str, Any]) -> str:
    """A folder for temporary ones that another user can enter, too."""
    usual = Path(tempfile.gettempdir())
    closed = other and not all(folder.stat().st_mode & 0o001 for folder in (usual, *usual.parents))
    return "/tmp" if closed else str(usual)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
