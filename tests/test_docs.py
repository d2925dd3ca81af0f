"""The snippets of the documentation run, page by page."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("page", ["arrays.md", "glymur.md", "pillow.md"])
def test_snippets_run(page: str, tmp_path: Path) -> None:
    snippets = re.findall(
        r"^```python\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert len(snippets) > 3
    script = tmp_path / "snippets.py"
    script.write_text("\n".join(snippets), "utf-8")
    run = subprocess.run(
        [sys.executable, "-W", "error", script.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
