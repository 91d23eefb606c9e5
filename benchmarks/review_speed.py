"""How long a reviewer waits: from the press of a key to the next image on the screen, in Chromium.

`python -m benchmarks review-speed [--images N]`

A CT series of 512 × 512 pixels is held back by a peer that is down, so that its outputs are in staging. The key for the
next image is pressed as soon as an image is shown, with a pause in which a person would look at it, and without one.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.dicom import StudyMaker
from tests.servers.browser import Browser
from tests.servers.stack import Stack
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    import argparse

#: Seconds: 100 images in five minutes leave three for each.
_LOOK = 1.0

_PRESS = """
const [images, pause] = arguments
const place = document.querySelector('#review'), waits = []
const wait = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds))
return (async () => {
  for (let number = 1; number < images; number++) {
    if (pause) await wait(pause)
    const begun = performance.now()
    const drawn = resolve => () => requestAnimationFrame(() => resolve())
    const shown = new Promise(resolve => place.addEventListener('shown', drawn(resolve), {once: true}))
    document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}))
    await shown
    waits.push(performance.now() - begun)
  }
  return waits
})()
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--images", type=int, default=100)


def main(options: argparse.Namespace) -> bool:
    """Print the median, the 95th percentile and the longest wait, in milliseconds; there is no limit."""
    images = options.images
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack:
        stack.start(target=False)
        maker = StudyMaker(rows=512)
        for file in maker.instances(images):
            stack.source.upload(file)
        wait_for(lambda: _waiting(stack) == images, "the outputs", limit=900)
        (Path(folder) / "browser").mkdir()
        browser = Browser(Path(folder) / "browser")
        try:
            for pause in (_LOOK, 0):
                browser.open(f"{stack.source.url}/sendit/batches/1/review")
                wait_for(lambda: browser.run("return document.querySelector('#review').dataset.shown"), "an image")
                # A script of WebDriver may run for half a minute.
                waits: list[float] = []
                for _ in range(0, images - 1, 20):
                    count = min(21, images - len(waits))
                    waits += browser.run(_PRESS, count, pause * 1000)
                kind = f"with {pause:g} s to look" if pause else "without a pause"
                ordered = sorted(waits)
                late = ordered[int(0.95 * (len(ordered) - 1))]
                middle = statistics.median(waits)
                print(
                    f"{len(waits)} images {kind}: median {middle:.0f} ms, 95 % {late:.0f} ms, most {ordered[-1]:.0f} ms"
                )
        finally:
            browser.stop()
    return True


def _waiting(stack: Stack) -> int:
    return sum(int(b["received"]) for b in stack.batches() if b["state"] == "DELIVERING")
