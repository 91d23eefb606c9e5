"""The page at /sendit/: the newest batches at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from sendit import __version__
from sendit.api.answers import BatchAnswer, DeliveryAnswer
from sendit.model import BatchState, DeliveryState

STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { max-width: 76rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem } h1 small { font-weight: normal; opacity: .7; font-size: .9rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #8884; vertical-align: top }
th, .project, .state { white-space: nowrap }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
.state { font-weight: 600 }
.DONE, .SENT { color: var(--good) } .EMPTY { color: var(--none) }
.FAILED, .QUARANTINED, .RECALL_FAILED, .held { color: var(--bad) }
:root { --good: #18794e; --bad: #cd2b31; --none: #99750a }
@media (prefers-color-scheme: dark) { :root { --good: #3dd68c; --bad: #ff8589; --none: #f0c04c } }
.why { opacity: .85; max-width: 30rem }
"""

# Orthanc answers /sendit and /sendit/ alike; the links below are relative to the latter.
_SLASH = "if (!location.pathname.endsWith('/')) location.replace(location.pathname + '/' + location.search)"

_HEAD = (
    "<th class=n>Batch<th>Project<th>State<th class=n>Received<th class=n>Sent<th class=n>Rejected"
    "<th class=n>Quarantined<th class=n>Under way<th>Why, or what next"
)


def render(batches: Sequence[BatchAnswer], counts: Mapping[BatchState, int], study: str | None) -> str:
    """HTML; everything that comes from outside is escaped."""
    totals = ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "none yet"
    rows = "\n".join(_row(batch) for batch in batches) or "<tr><td colspan=9>No batch yet: send a study to Orthanc."
    which = "The batches of this study. <a href=./>All batches</a>" if study else f"Batches: {escape(totals)}."
    return f"""<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">
<meta http-equiv=refresh content=5><title>SendIt</title><style>{STYLE}</style>
<script>{_SLASH}</script>
<h1>SendIt <small>{__version__} in Orthanc</small></h1>
<p>{which} <a href=api/docs>API</a> · <a href=../app/explorer.html>Orthanc Explorer</a></p>
<table><thead><tr>{_HEAD}</thead><tbody>
{rows}
</tbody></table></html>"""


def _row(batch: BatchAnswer) -> str:
    numbers = (batch.received, batch.sent, batch.rejected, batch.quarantined, batch.under_way)
    cells = "".join(f"<td class=n>{number}" for number in numbers)
    return (
        f"<tr><td class=n><a href=api/batches/{batch.id}>{batch.id}</a><td class=project>{escape(batch.project or '–')}"
        f"<td class='state {batch.state}'>{batch.state}{cells}<td class=why>{escape(_why(batch))}{_pictures(batch)}"
    )


def _pictures(batch: BatchAnswer) -> str:
    return f" <a href=batches/{batch.id}/pictures>Pictures</a>" if batch.pictures else ""


def _why(batch: BatchAnswer) -> str:
    if batch.reason:
        return batch.reason
    return "; ".join(f"{d.destination}: {_waits(d)}" for d in batch.deliveries if _waits(d))


def _waits(delivery: DeliveryAnswer) -> str:
    """What a delivery waits for; "" if for nothing."""
    at = delivery.next_attempt_at
    if delivery.state is DeliveryState.PAUSED:
        return "paused" if at is None else f"paused until {at:%Y-%m-%d %H:%M} UTC"
    return "" if at is None else f"again at {at:%H:%M:%S} UTC: {delivery.last_error}"
