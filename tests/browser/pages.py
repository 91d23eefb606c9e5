"""How tests open SendIt's pages and read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from tests.servers.browser import Browser
    from tests.servers.stack import Stack


def visit(stack: Stack, browser: Browser, path: str) -> None:
    """Open a page below /sendit/."""
    browser.open(f"{stack.source.url}/sendit/{path}")
    ready(browser)


def ready(browser: Browser) -> None:
    wait_for(lambda: browser.run("return !!window.SendIt"), "the page's script")


def text(browser: Browser, selector: str = "main") -> str:
    return str(browser.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector))


def wait_text(browser: Browser, wanted: str, selector: str = "main") -> None:
    wait_for(lambda: wanted in text(browser, selector), f"'{wanted}' in {selector}")


def press(browser: Browser, label: str, within: str = "main") -> None:
    """Click with the mouse on the button or link of this name."""
    script = (
        "const all = [...document.querySelectorAll(arguments[1] + ' :is(button, a)')];"
        "const one = all.find(e => e.innerText.trim() === arguments[0] && e.offsetParent);"
        "document.querySelector('[data-pressed]')?.removeAttribute('data-pressed');"
        "if (one) { one.dataset.pressed = ''; one.scrollIntoView({block: 'center'}) } return !!one"
    )
    wait_for(lambda: browser.run(script, label, within), f"a button {label}")
    browser.click("[data-pressed]")


def confirm(browser: Browser, reason: str | None = None) -> None:
    """Answer the dialog, with a reason if one is given."""
    wait_for(lambda: browser.run("return document.querySelector('#act').open"), "the dialog")
    if reason is not None:
        browser.run("document.querySelector('#act textarea').value = arguments[0]", reason)
    browser.click("#act-do")


def fill(browser: Browser, form: str, **values: Any) -> None:
    """Write into fields of a form, as a user does: it hears the change."""
    for name, value in values.items():
        browser.run(
            "const f = document.querySelector(arguments[0]).elements[arguments[1]]; f.value = arguments[2];"
            "f.dispatchEvent(new Event('change', {bubbles: true}))",
            form,
            name,
            value,
        )
