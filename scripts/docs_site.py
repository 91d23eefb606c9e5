"""Prepare the documentation for MkDocs: what mkdocs.yml cannot say. MkDocs calls the functions that begin with "on_".

The pages are written for GitHub: they link to code, and README, CHANGELOG and CONTRIBUTING lie outside of docs/. Here
these become pages, links to code lead to the repository, folders get a list of their pages, and a page that would
load anything from elsewhere stops the build.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File
from pymdownx.slugs import slugify

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
#: Pages that lie outside of docs/, by their names in the site.
OUTSIDE = {"index.md": "README.md", "changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}
#: Folders of which every page is part of the site, and what stands above the list of their pages.
FOLDERS = {
    "benchmarks/": "# Performance and benchmarks\n\nWhat was measured, and how. "
    "Each page is written by its benchmark.\n",
    "decisions/": "# Decisions\n\nWhy SendIt is built as it is: "
    "what was decided, what spoke against it, and what was measured.\n",
}
_LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
_CODE = re.compile(r"^ *```.*?^ *```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^\|.*$", re.MULTILINE)
_SPAN = re.compile(r"`[^`\n]+`")
#: What a browser fetches by itself, from an address with a host.
_LOADED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc=["']?(?:https?:)?//[^"'\s>]+"""
    r"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|preload|preconnect|icon))[^>]*\bhref=["']?(?:https?:)?//[^"'\s>]+"""
    r"""|url\(["']?(?:https?:)?//[^)]+|@import\s+["'](?:https?:)?//[^"']+"""
)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make anchors as GitHub does, and put the pages of folders into the navigation."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = slugify(case="lower")
    config.nav = _with_folders(config.nav)
    return config


def _with_folders(entry: Any) -> Any:
    if isinstance(entry, dict):
        return {title: _with_folders(below) for title, below in entry.items()}
    if isinstance(entry, list):
        return [page for each in entry for page in (_pages(each) if str(each) in FOLDERS else [_with_folders(each)])]
    return entry


def _pages(folder: str) -> list[str]:
    """Return a folder's pages, its list first."""
    return [f"{folder}index.md", *(f"{folder}{path.name}" for path in sorted((DOCS / folder).glob("*.md")))]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside of docs/, and a list of pages for each folder."""
    for page, source in OUTSIDE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text("utf-8")))
    for folder, heading in FOLDERS.items():
        names = [Path(page).name for page in _pages(folder)[1:]]
        lines = [f"- [{_title(DOCS / folder / name)}]({name})" for name in names]
        files.append(File.generated(config, f"{folder}index.md", content="\n".join([heading, *lines, ""])))
    return files


def _title(page: Path) -> str:
    return page.read_text("utf-8").partition("\n")[0].removeprefix("# ")


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Write a page as MkDocs reads it: what belongs to items, bars in code, links to what is no page of the site."""
    markdown = _indented(_ROW.sub(lambda row: _SPAN.sub(lambda code: code[0].replace("\\|", "|"), row[0]), markdown))
    uri = page.file.src_uri
    source = ROOT / OUTSIDE[uri] if uri in OUTSIDE else DOCS / uri
    place = (DOCS / uri).parent
    pieces, end = [], 0
    for code in _CODE.finditer(markdown):
        pieces += [_LINK.sub(lambda link: _target(link[1], source, place), markdown[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*pieces, _LINK.sub(lambda link: _target(link[1], source, place), markdown[end:])])


def _indented(markdown: str) -> str:
    """Indent what belongs to an item of a numbered list by four spaces, and end an item of several paragraphs.

    GitHub wants three spaces, and no empty line before the next item.
    """
    lines: list[str] = []
    inside = parted = False
    for line in markdown.split("\n"):
        belongs = line.startswith("   ")
        if line.strip() and not belongs:
            item = re.match(r"\d+\. ", line) is not None
            if item and inside and parted:
                lines.append("")
            inside, parted = item, False
        parted = parted or not line
        lines.append(f" {line}" if inside and belongs else line)
    return "\n".join(lines)


def _target(link: str, source: Path, place: Path) -> str:
    name, mark, heading = link.partition("#")
    if re.match(r"[a-z]+:", link) or not name:
        return link
    path = (source.parent / name).resolve()
    for page, outside in OUTSIDE.items():
        if path == ROOT / outside:
            path = DOCS / page
    if path in {DOCS / folder for folder in FOLDERS}:
        path /= "index.md"
    if path.is_relative_to(DOCS):
        return f"{os.path.relpath(path, place)}{mark}{heading}"
    kind = "tree" if path.is_dir() else "blob"
    return f"https://github.com/sendit-orthanc/sendit/{kind}/main/{path.relative_to(ROOT)}{mark}{heading}"


def on_post_build(config: MkDocsConfig) -> None:
    """Stop the build if a page or a style would load anything from another host: hospitals are offline."""
    site = Path(config.site_dir)
    for path in sorted([*site.rglob("*.html"), *site.rglob("*.css")]):
        if loaded := _LOADED.search(path.read_text("utf-8")):
            raise PluginError(f"{path.relative_to(site)} loads something from elsewhere: {loaded[0][:200]}")
