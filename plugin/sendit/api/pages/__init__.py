"""The pages under /sendit/: server-rendered, kept up to date in place, each view in a module of its own.

A view has a function `add(app, sources)`, listed in api/app.py, which registers its addresses and answers with
`sources.shell.page(request, "its_template.html", "name in shell.VIEWS", …)`. Its template:

    {% extends "base.html" %}
    {% import "macros.html" as ui with context %}
    {% block title %}…{% endblock %}   {% block head %}further scripts{% endblock %}   {% block main %}…{% endblock %}

- `root` leads to /sendit/, `me.may("REVIEW")` tells which buttons to draw, `asset("x.js")` is a file's address.
- `ui.action(…)` draws a button that posts JSON to a route of the API, with a dialog where it asks for a reason.
- `<main>`, navigation and banners are fetched again when something has changed, or after `refresh` seconds (0: never),
  and morphed in (docs/decisions/0028-live-pages.md). Give what
  repeats an `id`; an element with `data-keep` is left alone (forms, canvases).
- Scripts hear `sendit:drawn` after each refresh, and use `window.SendIt` (`send`, `toast`, `refresh`).
- Rows with `data-href` and `tabindex="0"` are walked with j, k, Enter.
"""
