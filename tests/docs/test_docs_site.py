"""The documentation site: every page is in its navigation, links lead somewhere, commands are as shown."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
import yaml
from doc_pages import DOCS, PAGES, PROJECT, blocks, commands, words

from ftkit.cli.root import cli

CONFIG = yaml.safe_load((PROJECT / "mkdocs.yml").read_text("utf-8"))
HOOKS = SimpleNamespace(**runpy.run_path(str(PROJECT / "tools" / "docs_hooks.py"), run_name="docs_hooks"))
NAV: list[str] = HOOKS.pages_of(CONFIG["nav"])
SHOWN = sorted({(page, command) for page in PAGES if page != "commands.md" for command in commands(page)})


def is_made(page: str) -> bool:
    """Whether the page is written when the site is built."""
    return page in HOOKS.PROJECT_PAGES or (page.startswith("reference/") and page != "reference/index.md")


def test_every_page_is_in_the_navigation_once() -> None:
    assert sorted(page for page in NAV if not is_made(page)) == PAGES
    assert len(NAV) == len(set(NAV))


@pytest.mark.parametrize("page", [page for page in NAV if is_made(page)])
def test_what_a_made_page_is_made_of_is_there(page: str) -> None:
    if page in HOOKS.PROJECT_PAGES:
        assert (PROJECT / HOOKS.PROJECT_PAGES[page]).is_file()
    else:
        made = HOOKS.package_page(page.removeprefix("reference/").removesuffix(".md"))
        assert re.match(r"# ftkit[\w.]*\n\n::: ftkit", made)


def test_every_package_that_exports_something_has_its_page() -> None:
    packages = {path.parent.name for path in (PROJECT / "ftkit").glob("*/__init__.py")}
    exporting = {name for name in packages if HOOKS.exported(f"ftkit.{name}")}
    hidden = {"cli", "display", "storage"}
    assert {f"reference/{name}.md" for name in exporting - hidden} <= set(NAV)


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", (DOCS / page).read_text("utf-8"), flags=re.S)
    here = (DOCS / page).parent
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text):
        uri = Path(here / target).resolve().relative_to(DOCS.resolve()).as_posix()
        assert uri in NAV or (here / target).is_file(), target


@pytest.mark.parametrize(("page", "line"), SHOWN)
def test_commands_have_the_options_that_are_shown(page: str, line: str) -> None:
    command: click.Command = cli
    rest = words(line)[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        _, found, rest = command.resolve_command(click.Context(command), rest)  # fails where there is none
        assert found is not None, line
        command = found
    known = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    assert {word.partition("=")[0] for word in rest if word.startswith("--")} <= known | {
        "--help",
        "--version",
    }


def test_commands_were_found_on_the_pages() -> None:
    assert len(SHOWN) > 60
    assert ("tutorial.md", "ftkit compare runs/short runs/long") in SHOWN


@pytest.mark.parametrize("page", PAGES)
def test_python_on_the_pages_can_be_compiled(page: str) -> None:
    for block in blocks(page):
        if block.language == "python":
            compile(block.code, page, "exec", flags=0x2000)  # PyCF_ALLOW_TOP_LEVEL_AWAIT


def test_files_of_the_project_become_pages_with_links_that_hold() -> None:
    text = "See [rules](docs/rules.md#ft101), [how](CONTRIBUTING.md), [numbers](benchmarks/README.md), [web](https://a.b)."
    assert HOOKS.project_page(text) == (
        "See [rules](rules.md#ft101), [how](contributing.md), numbers, [web](https://a.b)."
    )


def test_a_block_that_is_a_file_shows_its_name() -> None:
    assert HOOKS.on_page_markdown("```toml file=ftkit.toml\na = 1\n```\n") == (
        '```toml title="ftkit.toml"\na = 1\n```\n'
    )
    assert HOOKS.on_page_markdown("```python\nfile=1\n```\n") == "```python\nfile=1\n```\n"


def test_nothing_of_the_site_comes_from_elsewhere() -> None:
    assert CONFIG["theme"]["font"] is False
    assert CONFIG["strict"] is True
    assert not {"extra_css", "extra_javascript", "repo_url"} & CONFIG.keys()


def test_docstrings_become_markdown() -> None:
    pytest.importorskip("griffe")
    tool: Any = SimpleNamespace(
        **runpy.run_path(str(PROJECT / "tools" / "docs_docstrings.py"), run_name="docs_docstrings")
    )
    text = "Like :meth:`~ftkit.a.B.c` and :func:`split`, of these::\n\n    block: `x`\n\nEnd. ::\n\n    more"
    assert tool.as_markdown(text) == (
        "Like `c` and `split`, of these:\n\n    block: `x`\n\nEnd.:\n\n    more"
    )
