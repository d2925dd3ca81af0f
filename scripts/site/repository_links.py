"""Links between pages of the repository, rewritten for the site."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)

#: Pages that have another name on the site: the name, and the file in the repository.
_RENAMED = {
    "index.md": "README.md",
    "contents.md": "docs/README.md",
    "changelog.md": "CHANGELOG.md",
    "reporting.md": "SECURITY.md",
}


def pages(root: Path) -> dict[str, str]:
    """Return the pages with another name on the site whose files exist."""
    return {name: source for name, source in _RENAMED.items() if (root / source).exists()}


def title(path: Path) -> str:
    """Return the heading of a page, or the name of another file."""
    heading = re.match(r"# (.+)", path.read_text("utf-8")) if path.suffix == ".md" else None
    return heading[1] if heading else path.name


def rewritten(markdown: str, page: str, pages: dict[str, str], root: Path) -> str:
    """Return the text of a page with the links of the site.

    Parameters
    ----------
    markdown : str
        The text.
    page : str
        Its path on the site.
    pages : dict
        The result of `pages`.
    root : Path
        The root of the repository.

    Returns
    -------
    str
        The text. A link whose label is a file name gets the title of that page, and a link to a file that the site does
        not have becomes its label.
    """
    source = pages.get(page, f"docs/{page}")
    names = {path: name for name, path in pages.items()}

    def replaced(match: re.Match[str]) -> str:
        image, label, target = match.groups()
        if "://" in target or target.startswith(("#", "mailto:")):
            return match[0]
        target_path, mark, anchor = target.partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target_path))
        if path in names:
            path = names[path]
        elif path.startswith("docs/") and (root / path).is_file():
            path = path.removeprefix("docs/")
        else:
            return label
        if not image and label.endswith(".md") and posixpath.basename(label) == posixpath.basename(target_path):
            label = title(root / pages.get(path, f"docs/{path}"))
        here = posixpath.relpath(path, posixpath.dirname(page) or ".")
        return f"{image}[{label}]({here}{mark}{anchor})"

    parts, at = [], 0
    for code in _FENCED.finditer(markdown):
        parts += [_LINK.sub(replaced, markdown[at : code.start()]), code[0]]
        at = code.end()
    return "".join(parts) + _LINK.sub(replaced, markdown[at:])
