"""MkDocs hooks: pages of the repository that lie outside docs/, links, generated references and plots.

The pages in docs/ are written for a code-hosting site. MkDocs differs in three ways, and these hooks bridge them:
pages such as README.md and CHANGELOG.md lie outside docs/, lists are indented otherwise, and comments that mark a
generated part are to be replaced by that part.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts" / "site"), str(ROOT / "benchmarks")]

import command_line  # noqa: E402
import plots  # noqa: E402
import python_markdown  # noqa: E402
import repository_links  # noqa: E402

_API = re.compile(r"^<!-- api: ([\w.]+)((?: \w+=\w+)*) -->$", re.MULTILINE)
_INCLUDE = re.compile(r"^<!-- include: (\S+) -->$", re.MULTILINE)
_REMOTE_WORKER = "https://unpkg.com/iframe-worker/shim"
_COMMAND_LINE = "<!-- command line -->"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the repository that lie elsewhere or have another name here, and the plots."""
    for name, source in repository_links.RENAMED.items():
        old = files.get_file_from_path(source.removeprefix("docs/"))
        if source.startswith("docs/") and old is not None:
            files.remove(old)
        text = (ROOT / source).read_text("utf-8")
        files.append(File.generated(config, name, content=text))
    with tempfile.TemporaryDirectory() as folder:
        for path in plots.draw_all(Path(folder)):
            name = f"{plots.FOLDER.removeprefix('docs/')}/{path.name}"
            old = files.get_file_from_path(name)
            if old is not None:
                files.remove(old)
            files.append(File.generated(config, name, content=path.read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Replace the marks of generated parts, and make lists and links those of MkDocs."""
    if page.is_homepage:
        page.meta["hide"] = ["navigation"]
    name = page.file.src_uri
    markdown = repository_links.rewritten(markdown, repository_links.source_of(name), name, ROOT)
    markdown = _INCLUDE.sub(lambda mark: _included(mark[1], name), markdown)
    markdown = python_markdown.converted(markdown)
    if _COMMAND_LINE in markdown:
        markdown = markdown.replace(_COMMAND_LINE, command_line.reference())
    return _API.sub(_directive, markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Let the search of pages that are opened as files load nothing from elsewhere."""
    folders = page.file.dest_uri.count("/")
    return output.replace(_REMOTE_WORKER, "../" * folders + "worker.js")


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """Do the same for the page of errors."""
    return output_content.replace(_REMOTE_WORKER, "worker.js")


def on_post_build(config: MkDocsConfig) -> None:
    """Check that no page loads anything from elsewhere."""
    for path in Path(config.site_dir).rglob("*.html"):
        found = re.search(r"""(?:src=|<link [^>]*href=)["']?https?:[^\s"'>]+""", path.read_text("utf-8"))
        if found:
            raise PluginError(f"{path.name} loads {found[0]}")


def _included(name: str, page: str) -> str:
    """Return the text of a file of the repository below its title, for a page; nothing if there is no such file."""
    path = ROOT / name
    if not path.exists():
        return ""
    text = re.sub(r"\A# .*\n", "", path.read_text("utf-8"))
    return repository_links.rewritten(text, name, page, ROOT)


def _directive(match: re.Match[str]) -> str:
    """Return the directive of mkdocstrings for a mark ``<!-- api: NAME option=value -->``."""
    options: dict[str, Any] = dict(pair.split("=") for pair in match[2].split())
    lines = [f"::: {match[1]}"]
    if options:
        lines += ["    options:", *(f"      {name}: {value}" for name, value in options.items())]
    return "\n".join(lines)
