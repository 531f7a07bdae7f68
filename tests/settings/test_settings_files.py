"""Settings from files: strength, relative folders, and every fault at once with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftkit.errors import ConfigurationError, UsageError
from ftkit.settings import load_settings
from ftkit.settings.toml import line_of, parse_toml


def user_file(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / "user-config"
    folder.mkdir(exist_ok=True)
    file = folder / "config.toml"
    file.write_text(text)
    return file


def test_defaults_without_any_file() -> None:
    settings = load_settings()
    assert settings.platform is None
    assert settings.platform_name == "local"
    assert settings.files == ()


def test_strength_rises_from_user_file_to_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_file(tmp_path, 'platform = "nebius"\ntimeout = 1\nmax_retries = 1\npoll_seconds = 1')
    (tmp_path / "ftkit.toml").write_text("timeout = 2\nmax_retries = 2\npoll_seconds = 2")
    monkeypatch.setenv("FTKIT_MAX_RETRIES", "3")
    monkeypatch.setenv("FTKIT_POLL_SECONDS", "3")
    settings = load_settings(poll_seconds=4)
    assert settings.platform == "nebius"
    assert (settings.timeout, settings.max_retries, settings.poll_seconds) == (2, 3, 4)
    assert [f.name for f in settings.files] == ["config.toml", "ftkit.toml"]


def test_an_override_of_none_is_not_given(tmp_path: Path) -> None:
    (tmp_path / "ftkit.toml").write_text('platform = "openai"')
    assert load_settings(platform=None).platform == "openai"


def test_project_file_is_found_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FTKIT_STATE_DIR")
    (tmp_path / "ftkit.toml").write_text('state_dir = "state"')
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert load_settings().state_dir == tmp_path / "state"


def test_config_replaces_the_project_file(tmp_path: Path) -> None:
    (tmp_path / "ftkit.toml").write_text("timeout = 1")
    other = tmp_path / "other.toml"
    other.write_text("timeout = 7")
    assert load_settings(other).timeout == 7


def test_config_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no\.toml"):
        load_settings(tmp_path / "no.toml")


def test_provider_tables_of_both_files_are_merged(tmp_path: Path) -> None:
    user_file(tmp_path, '[providers.ours]\nbase_url = "http://a"\nkey_env = "OURS"')
    (tmp_path / "ftkit.toml").write_text('[providers.ours]\nbase_url = "http://b"')
    provider = load_settings().catalog.provider("ours")
    assert (provider.base_url, provider.key_env) == ("http://b", "OURS")


FAULTY = """\
platfrom = "x"
timeout = "soon"
base_url = "ftp://x"
[providers.foo]
base_url = 3
api_key = "abc"
[models."a/b"]
provider = "foo"
nope = 1
[models."a/b".limits]
inference_context = -4
"""


def test_every_fault_at_once_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "ftkit.toml"
    file.write_text(FAULTY)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    lines = [fault.where.line for fault in caught.value.faults]
    assert lines == [1, 2, 3, 5, 6, 9, 11]
    text = str(caught.value)
    assert f"{file}:1: unknown key 'platfrom'" in text
    assert f"{file}:11: models.a/b.limits.inference_context" in text
    assert caught.value.exit_code == 4


def test_faults_of_both_files_and_the_environment_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_file(tmp_path, "timeout = -1")
    (tmp_path / "ftkit.toml").write_text("max_retries = 99")
    monkeypatch.setenv("FTKIT_POLL_SECONDS", "never")
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    places = [str(fault.where) for fault in caught.value.faults]
    assert len(places) == 3
    assert places[2] == "environment"
    assert "FTKIT_POLL_SECONDS" in str(caught.value)


def test_several_syntax_faults(tmp_path: Path) -> None:
    (tmp_path / "ftkit.toml").write_text("a = \nb = 3\nc = [1,\n d==")
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert [f.where.line for f in caught.value.faults] == [1, 4]


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "ftkit.toml").write_bytes(b'platform = "\xff"')
    with pytest.raises(ConfigurationError, match="not UTF-8: byte 12 is 0xff"):
        load_settings()


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "ftkit.toml").write_bytes(b"\xef\xbb\xbftimeout = 5")
    assert load_settings().timeout == 5


def test_a_key_in_a_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "ftkit.toml").write_text('api_key = "do-not-show-me"')
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert "does not belong in a file" in str(caught.value)
    assert "do-not-show-me" not in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (["a"], 1),
        (["t", "b"], 3),
        (["t", "u", "c"], 5),
        (["t", "missing"], 2),
        (["x.y", "d"], 7),
        (["none"], None),
    ],
)
def test_line_of(keys: list[str], line: int | None) -> None:
    text = 'a = 1\n[t]\nb = 2\n[t.u]\nc = 3\n["x.y"]\nd = 4'
    assert line_of(text, keys) == line


def test_parse_toml_without_faults() -> None:
    assert parse_toml("a = 1", Path("x.toml")) == ({"a": 1}, [])
