"""Links between pages of the repository, rewritten for the site."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)

#: Pages that have another name on the site: the name, and the file in the repository.
RENAMED = {
    "index.md": "README.md",
    "contents.md": "docs/README.md",
    "changelog.md": "CHANGELOG.md",
}

#: Files in the repository that are a part of a page of the site.
INCLUDED = {"SECURITY.md": "security.md"}

_SITE_NAMES = {source: name for name, source in RENAMED.items()} | INCLUDED


def source_of(page: str) -> str:
    """Return the file in the repository of a page of the site."""
    return RENAMED.get(page, f"docs/{page}")


def title(path: Path) -> str:
    """Return the heading of a page, or the name of another file."""
    heading = re.match(r"# (.+)", path.read_text("utf-8")) if path.suffix == ".md" else None
    return heading[1] if heading else path.name


def rewritten(markdown: str, source: str, page: str, root: Path) -> str:
    """Return text with the links of the site.

    Parameters
    ----------
    markdown : str
        The text.
    source : str
        The file that it comes from, below the root of the repository.
    page : str
        The page of the site that shows it.
    root : Path
        The root of the repository.

    Returns
    -------
    str
        The text. A link whose label is a file name gets the title of that page, and a link to a file that the site does
        not have becomes its label.
    """

    def replaced(match: re.Match[str]) -> str:
        image, label, target = match.groups()
        if "://" in target or target.startswith(("#", "mailto:")):
            return match[0]
        target, mark, anchor = target.partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if not image and label.endswith(".md") and posixpath.basename(label) == posixpath.basename(target):
            label = title(root / path)
        if path in _SITE_NAMES:
            path = _SITE_NAMES[path]
        elif path.startswith("docs/") and (root / path).is_file():
            path = path.removeprefix("docs/")
        else:
            return label
        here = posixpath.relpath(path, posixpath.dirname(page) or ".")
        return f"{image}[{label}]({here}{mark}{anchor})"

    parts, at = [], 0
    for code in _FENCED.finditer(markdown):
        parts += [_LINK.sub(replaced, markdown[at : code.start()]), code[0]]
        at = code.end()
    return "".join(parts) + _LINK.sub(replaced, markdown[at:])
