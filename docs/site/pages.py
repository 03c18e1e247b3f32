"""Hooks of mkdocs: pages of the site that lie outside docs/, and links to them."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "results.md": "benchmarks/RESULTS.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
}
"""Names on the site, and files of the repository."""


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages that lie elsewhere."""
    for name, path in PAGES.items():
        content = (ROOT / path).read_text("utf-8")
        # Seen from the root of the repository, or from benchmarks/.
        for prefix in ("docs/", "../docs/"):
            content = content.replace(f"]({prefix}", "](")
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Points links to files of the repository to their pages on the site."""
    up = "../" * page.file.src_uri.count("/")
    for name, path in PAGES.items():
        markdown = re.sub(rf"\]\((?:\.\./)*{re.escape(path)}", f"]({up}{name}", markdown)
    return markdown
