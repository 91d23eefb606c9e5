"""The documentation as a site: built without a warning or a network, and a browser finds everything in it."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers.serving import serving
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.browser import Browser

ROOT = Path(__file__).parents[2]
SITE = ROOT / "var" / "site"
PYTHON = ROOT / "var" / "docs-venv" / "bin" / "python"

pytestmark = pytest.mark.slow


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Address of the site, built anew; the first call installs MkDocs."""
    subprocess.run([ROOT / "scripts" / "docs.sh"], check=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(SITE)))
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}"


def test_it_builds_without_a_network(site: str) -> None:
    """In a namespace that has no interface; MkDocs is installed by then."""
    if subprocess.run(["unshare", "-rn", "true"], check=False).returncode:
        pytest.skip("this machine allows no namespaces")
    subprocess.run(["unshare", "-rn", ROOT / "scripts" / "docs.sh"], check=True)
    assert (SITE / "decisions" / "index.html").is_file()


def test_lists_blocks_and_bars_are_read_as_such(site: str) -> None:
    """MkDocs reads Markdown a little differently from GitHub, for which the pages are written."""
    for page in SITE.rglob("*.html"):
        article = page.read_text("utf-8").partition("<article")[2].partition("</article>")[0]
        for paragraph in re.findall(r"<p>(.*?)</p>", article, re.DOTALL):
            assert not re.search(r"\n\s*(- |\d+\. |\|)|```", paragraph), f"{page.name}: {paragraph}"
        assert not re.search(r"<td>(?:[^<]|</?code>)*\\\|", article), page.name


@pytest.mark.parametrize(
    "line", ["<script src=https://cdn.example/x.js>", '<link rel="stylesheet" href="//fonts.example/a.css">']
)
def test_a_page_that_loads_something_from_elsewhere_stops_the_build(line: str, site: str, tmp_path: Path) -> None:
    shutil.copy(SITE / "start.html", tmp_path / "start.html")
    check = "import sys, types; from scripts.docs_site import on_post_build as check; "
    check += "check(types.SimpleNamespace(site_dir=sys.argv[1]))"
    subprocess.run([PYTHON, "-c", check, tmp_path], cwd=ROOT, check=True)
    (tmp_path / "other.html").write_text(line)
    refused = subprocess.run([PYTHON, "-c", check, tmp_path], cwd=ROOT, check=False, capture_output=True, text=True)
    assert "other.html loads something from elsewhere" in refused.stderr


def test_pages_load_nothing_from_elsewhere_and_fit(site: str, browser: Browser) -> None:
    """In both schemes, and on a telephone."""
    elsewhere = (
        "return performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith(arguments[0]))"
    )
    grounds = set()
    for scheme in ("light", "dark"):
        browser.scheme(scheme)
        for width in (1300, 375):
            browser.size(width, 900)
            for page in ("index", "start", "privacy", "vendors", "operating", "decisions/index"):
                browser.open(f"{site}/{page}.html")
                assert browser.run("return document.querySelectorAll('article h1').length") == 1
                assert browser.run(elsewhere, site) == []
                assert browser.run("return document.documentElement.scrollWidth") <= width, page
        grounds.add(browser.run("return getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2
    broken = (
        "return [...document.images].filter(image => !image.complete || !image.naturalWidth).map(image => image.src)"
    )
    browser.open(f"{site}/operating.html")
    assert browser.run(broken) == []


def test_it_can_be_searched(site: str, browser: Browser) -> None:
    browser.size(1300, 900)
    browser.open(f"{site}/start.html?q=high-water")
    found = "return [...document.querySelectorAll('.md-search-result__item a')].map(link => link.getAttribute('href'))"
    wait_for(
        lambda: any("0013-journal-high-water-mark" in link for link in browser.run(found)), "a result of the search"
    )
