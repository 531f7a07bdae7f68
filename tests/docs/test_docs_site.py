"""The documentation site: every page is in its navigation, links lead somewhere, commands are as shown."""

from __future__ import annotations

import importlib
import re
import runpy
from types import SimpleNamespace
from typing import Any

import click
import docs_hooks
import docs_notebooks
import pytest
from doc_pages import CONFIG, DOCS, NAV, PAGES, PROJECT, anchors, blocks, commands, mentioned, words

from ftkit.cli.root import cli

SHOWN = sorted({(page, command) for page in PAGES if page != "commands.md" for command in commands(page)})

MENTIONED = sorted(
    {(page, command) for page in PAGES if page != "commands.md" for command in mentioned(page)}
)


def is_made(page: str) -> bool:
    """Whether the page is written when the site is built."""
    return page in docs_hooks.PROJECT_PAGES or docs_hooks.is_python(page) or is_notebook(page)


def is_notebook(page: str) -> bool:
    """Whether the page shows a notebook."""
    return docs_notebooks.is_shown(page)


def test_every_page_is_in_the_navigation_once() -> None:
    assert sorted(page for page in NAV if not is_made(page)) == PAGES
    assert len(NAV) == len(set(NAV))


@pytest.mark.parametrize("index", ["howto/index.md", "concepts/index.md", "reference/index.md"])
def test_the_first_page_of_a_part_leads_to_all_others(index: str) -> None:
    [part] = [part for part in CONFIG["nav"] if index in docs_hooks.pages_of(part)]
    linked = re.findall(r"\]\(([^)#]+\.md)\)", (DOCS / index).read_text("utf-8"))
    found = {(DOCS / index).parent.joinpath(link).resolve().relative_to(DOCS).as_posix() for link in linked}
    others = {page for page in docs_hooks.pages_of(part) if not docs_hooks.is_python(page)} - {index}
    assert others == {page for page in found if not docs_hooks.is_python(page)}


@pytest.mark.parametrize("page", [page for page in NAV if is_made(page)])
def test_what_a_made_page_is_made_of_is_there(page: str) -> None:
    if page in docs_hooks.PROJECT_PAGES:
        assert (PROJECT / docs_hooks.PROJECT_PAGES[page]).is_file()
    elif not is_notebook(page):
        name = docs_hooks.module_of(page)
        assert docs_hooks.page_of(name) == page
        assert docs_hooks.package_page(name).startswith(f"# {name}\n\n::: {name}\n")


HIDDEN = {
    "ftkit.cli": "the command line",
    "ftkit.display.html": "what results are drawn with",
    "ftkit.gateway.dialects": "a platform's words, which the catalog chooses",
    "ftkit.inference.backends": "on the page of ftkit.inference",
    "ftkit.local.inference": "of the local platform alone",
    "ftkit.storage": "under the ledger and the registry",
}
"""Packages with a list of names that are no part of what a library user calls."""
INITS = sorted((PROJECT / "ftkit").rglob("__init__.py"))
PACKAGES = [".".join(path.parent.relative_to(PROJECT).parts) for path in INITS]


@pytest.mark.parametrize("package", [name for name in PACKAGES if docs_hooks.exported(name)])
def test_every_package_that_exports_something_has_its_page(package: str) -> None:
    assert (docs_hooks.page_of(package) in NAV) != (package in HIDDEN)


def test_what_a_page_of_python_names_is_there_to_be_imported() -> None:
    for page in NAV:
        if docs_hooks.is_python(page):
            name = docs_hooks.module_of(page)
            module = importlib.import_module(name)
            assert all(hasattr(module, member) for member in docs_hooks.exported(name)), name


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", (DOCS / page).read_text("utf-8"), flags=re.S)
    here = (DOCS / page).parent
    for target, anchor in re.findall(r"\]\((?!https?:|mailto:)([^)#\s]*)#?([^)\s]*)\)", text):
        uri = (here / target).resolve().relative_to(DOCS.resolve()).as_posix() if target else page
        assert uri in NAV or (here / target).is_file(), target
        assert not anchor or is_made(uri) or anchor in anchors(uri), f"{target}#{anchor}"


def command_of(line: str) -> tuple[click.Command, list[str]]:
    """The command that a line calls, and what it is given. Fails where there is no such command."""
    command: click.Command = cli
    rest = words(line)[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        _, found, rest = command.resolve_command(click.Context(command), rest)
        assert found is not None, line
        command = found
    return command, rest


@pytest.mark.parametrize(("page", "line"), SHOWN)
def test_commands_take_what_the_pages_give_them(page: str, line: str) -> None:
    command, rest = command_of(line)
    if isinstance(command, click.Group):
        assert not [word for word in rest if word not in ("--help", "--version")]
        return
    context = click.Context(command)
    given, more, _ = command.make_parser(context).parse_args(rest)  # fails at an option that there is not
    assert not more
    for parameter in command.params:
        value = given.get(parameter.name)
        is_there = isinstance(value, str | tuple | list | bool)  # what is missing is a mark of click's own
        assert is_there or not parameter.required, f"{parameter.name} is required"
        if isinstance(parameter.type, click.Choice) and isinstance(value, str) and not value.isupper():
            parameter.type.convert(value, parameter, context)


@pytest.mark.parametrize(("page", "line"), MENTIONED)
def test_commands_that_a_text_mentions_are_there(page: str, line: str) -> None:
    command, rest = command_of(line)
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert {word.partition("=")[0] for word in rest if word.startswith("--")} <= known


def test_commands_were_found_on_the_pages() -> None:
    assert len(SHOWN) > 60
    assert len(MENTIONED) > 40
    assert ("tutorial.md", "ftkit compare runs/short runs/long") in SHOWN
    assert ("registry.md", "ftkit models history sentiment") in SHOWN


@pytest.mark.parametrize("page", PAGES)
def test_python_on_the_pages_can_be_compiled(page: str) -> None:
    for block in blocks(page):
        if block.language == "python":
            compile(block.code, page, "exec", flags=0x2000)  # PyCF_ALLOW_TOP_LEVEL_AWAIT


def test_files_of_the_project_become_pages_with_links_that_hold() -> None:
    text = "See [rules](docs/rules.md#ft101), [how](CONTRIBUTING.md), [numbers](benchmarks/README.md), [web](https://a.b)."
    assert docs_hooks.project_page(text) == (
        "See [rules](rules.md#ft101), [how](contributing.md), numbers, [web](https://a.b)."
    )


def test_a_block_that_is_a_file_shows_its_name() -> None:
    assert docs_hooks.on_page_markdown("```toml file=ftkit.toml\na = 1\n```\n") == (
        '```toml title="ftkit.toml"\na = 1\n```\n'
    )
    assert docs_hooks.on_page_markdown("```python\nfile=1\n```\n") == "```python\nfile=1\n```\n"


def test_nothing_of_the_site_comes_from_elsewhere() -> None:
    assert CONFIG["theme"]["font"] is False
    assert CONFIG["strict"] is True
    assert not {"extra_javascript", "repo_url"} & CONFIG.keys()
    for part in (*CONFIG["extra"]["polyfills"], *CONFIG["extra_css"]):
        text = (DOCS / part).read_text("utf-8")
        assert not re.search(r"https?:|//\w+\.\w", text)


def test_docstrings_become_markdown() -> None:
    pytest.importorskip("griffe")
    tool: Any = SimpleNamespace(
        **runpy.run_path(str(PROJECT / "tools" / "docs_docstrings.py"), run_name="docs_docstrings")
    )
    text = "Like :meth:`~ftkit.a.B.c` and :func:`split`, of these::\n\n    block: `x`\n\nEnd. ::\n\n    more"
    assert tool.as_markdown(text) == (
        "Like `c` and `split`, of these:\n\n    block: `x`\n\nEnd.:\n\n    more"
    )
