"""What the documentation site is made of besides docs/: pages of the project's own files and of its packages.

MkDocs calls these functions by their names while it builds (https://www.mkdocs.org/user-guide/configuration/#hooks).
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.structure.files import Files

ROOT = Path(__file__).resolve().parent.parent
PROJECT_PAGES = {
    "architecture.md": "ARCHITECTURE.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
}
"""Pages of the site that lie at the project's root, where people look for them."""
_NAMED_FENCE = re.compile(r"^(```\w*) file=(\S+)$", re.M)
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)([^)#\s]+)(#[^)]*)?\)")
_PYTHON_PAGE = re.compile(r"reference/(?!index\.md)([a-z_.]+)\.md$")


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add the project's own files and a page for every package that the navigation names."""
    from mkdocs.structure.files import File

    for uri, name in PROJECT_PAGES.items():
        files.append(File.generated(config, uri, content=project_page((ROOT / name).read_text("utf-8"))))
    for uri in pages_of(config["nav"]):
        if is_python(uri):
            files.append(File.generated(config, uri, content=package_page(module_of(uri))))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Blocks that are files (```` ```toml file=ftkit.toml ````) show their names."""
    return _NAMED_FENCE.sub(r'\1 title="\2"', markdown)


def pages_of(nav: Any) -> list[str]:
    """Every page of a navigation, in its order."""
    if isinstance(nav, str):
        return [nav]
    inside = nav.values() if isinstance(nav, dict) else nav
    return [uri for part in inside for uri in pages_of(part)]


def project_page(text: str) -> str:
    """A file of the root as a page: links to pages of the site go there, other files are only named."""
    pages = {name: uri for uri, name in PROJECT_PAGES.items()}

    def moved(match: re.Match[str]) -> str:
        words, target, anchor = match[1], match[2], match[3] or ""
        if target.startswith("docs/") and target.endswith(".md"):
            return f"[{words}]({target.removeprefix('docs/')}{anchor})"
        return f"[{words}]({pages[target]}{anchor})" if target in pages else words

    return _LINK.sub(moved, text)


def is_python(page: str) -> bool:
    """Whether a page is made of a module's docstrings."""
    return _PYTHON_PAGE.match(page) is not None


def module_of(page: str) -> str:
    """``ftkit.splitting`` of ``reference/splitting.md``."""
    name = page.removeprefix("reference/").removesuffix(".md")
    return "ftkit" if name == "ftkit" else f"ftkit.{name}"


def page_of(module: str) -> str:
    """``reference/splitting.md`` of ``ftkit.splitting``."""
    return f"reference/{module.removeprefix('ftkit.')}.md"


def package_page(module: str) -> str:
    """The page of a module: what it exports, from its docstrings."""
    names = exported(module)
    hidden = [name for name in names if ROOT.joinpath(*module.split("."), f"{name}.py").is_file()]
    lines = [f"# {module}", "", f"::: {module}"]
    if members := [name for name in names if name not in hidden]:
        lines += ["    options:", f"      members: [{', '.join(members)}]"]
    for name in hidden:  # behind a submodule of the same name, which would be shown in its place
        lines += ["", f"::: {module}.{name}.{name}", "    options:", "      show_root_heading: true"]
    return "\n".join(lines) + "\n"


def exported(path: str) -> list[str]:
    """The names in the ``__all__`` of a module, read and not imported; none where it has no such list."""
    folder = ROOT.joinpath(*path.split("."))
    source = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    for node in ast.parse(source.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [name for name in ast.literal_eval(node.value) if not name.startswith("__")]
    return []
