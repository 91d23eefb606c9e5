"""The commands `sendit review …` and `sendit reprocess`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from sendit.cli.common import (
    ConfigOption,
    JsonOption,
    YesOption,
    client,
    confirm,
    print_json,
    print_table,
    required_reason,
    say,
    utc,
)
from sendit.errors import counted

review_app = typer.Typer(
    help="Show batches that wait for a reviewer, and decide about them.", no_args_is_help=True, add_completion=False
)

ReasonOption = Annotated[
    str, typer.Option(help="Recorded with your user name; do not include identifiers.", show_default=False)
]
NumberArgument = Annotated[int, typer.Argument(help="The batch.", show_default=False)]
InstancesOption = Annotated[
    list[int] | None,
    typer.Option("--instance", "-i", min=1, help="Only this instance (its number in the batch); may be repeated."),
]


@review_app.command("list")
def list_(
    as_json: JsonOption = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Number of batches to show.")] = 50,
    config: ConfigOption = None,
) -> None:
    """List the batches that wait for a person."""
    page = client(config).call("GET", f"/api/batches?state=REVIEW&limit={limit}")
    if as_json:
        print_json(page)
        return
    if not page["batches"]:
        say("Nothing waits for a review.")
        return
    rows = []
    for batch in page["batches"]:
        since = batch["changed_at"][:16].replace("T", " ")
        why = (batch["reason"] or "").removeprefix("waits for a person: ")
        rows.append([str(batch["id"]), escape(batch["project"]), str(batch["under_way"]), since, escape(why)])
    print_table(("batch", "project", "instances", "since (UTC)", "why"), rows, ["instances"])


@review_app.command()
def show(number: NumberArgument, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show a batch as a reviewer sees it: its images, what was decided, and what may be decided."""
    detail = client(config).call("GET", f"/api/batches/{number}/review")
    if as_json:
        print_json(detail)
        return
    say(f"batch {number}: {detail['batch']['state']}" + (f", {detail['why']}" if detail["why"] else ""))
    allowed = ", ".join(detail["allowed"]).lower() or "nothing"
    say(f"  users who have to accept it: {detail['persons']}; possible decisions: {allowed}")
    for instance in detail["instances"]:
        _show_instance(instance)
    for decision in detail["decisions"]:
        count = f" of {counted(decision['instances'], 'instance')}" if decision["instances"] else ""
        reason = f": {decision['reason']}" if decision["reason"] else ""
        say(f"  {utc(decision['at'], seconds=True)} {decision['decision']}{count} by {decision['actor']}{reason}")


def _show_instance(instance: dict[str, Any]) -> None:
    boxes = f", {counted(len(instance['regions']), 'region')} masked" if instance["regions"] else ""
    accepted = f", accepted by {', '.join(instance['accepted_by'])}" if instance["accepted_by"] else ""
    why = instance["doubt"] or instance["reason"] or instance["how"]
    say(
        f"  {instance['number']}: {instance['state']}, {instance['status'] or 'no output'}{boxes}{accepted}"
        + (f" – {why}" if why else "")
    )


@review_app.command()
def accept(
    number: NumberArgument,
    instance: InstancesOption = None,
    reason: ReasonOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Accept a batch, or some of its instances: it leaves once all of it is accepted."""
    _decide(config, number, as_json, decision="ACCEPT", instances=instance, reason=reason)


@review_app.command()
def reject(
    number: NumberArgument,
    instance: InstancesOption = None,
    reason: ReasonOption = "",
    text: Annotated[bool, typer.Option("--text", help="It shows text that was not masked.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Reject a batch, or some of its instances: they will not be sent."""
    required_reason(reason)
    _decide(config, number, as_json, decision="REJECT", instances=instance, reason=reason, text=text)


@review_app.command("hold")
def hold_review(
    number: NumberArgument, reason: ReasonOption = "", as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Hold a batch under review; sendit retry resumes it."""
    required_reason(reason)
    _decide(config, number, as_json, decision="HOLD", reason=reason)


@review_app.command()
def rerun(
    number: NumberArgument, reason: ReasonOption = "", as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """De-identify a batch again by the project's current rules; it comes back to review."""
    _decide(config, number, as_json, decision="RERUN", reason=reason)


@review_app.command()
def regions(
    number: NumberArgument,
    instance: Annotated[int, typer.Option("--instance", "-i", min=1, help="The image, by its number in the batch.")],
    add: Annotated[list[str] | None, typer.Option(metavar="X0,Y0,X1,Y1", help="Mask this region.")] = None,
    remove: Annotated[
        list[str] | None, typer.Option(metavar="X0,Y0,X1,Y1", help="Do not mask this region, which shows no text.")
    ] = None,
    scope: Annotated[str, typer.Option(help="instance, series or study: images of the same size.")] = "instance",
    reason: ReasonOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Mask further regions, or unmask a false one; the images come back to review."""
    boxes = {
        "instance": instance,
        "add": [_box(text) for text in add or ()],
        "remove": [_box(text) for text in remove or ()],
    }
    _decide(config, number, as_json, decision="REGIONS", regions=boxes, scope=scope, reason=reason)


def _box(text: str) -> list[int]:
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts):
        raise typer.BadParameter("give a region as four numbers: X0,Y0,X1,Y1")
    return [int(part) for part in parts]


def _decide(config: Any, number: int, as_json: bool, **request: Any) -> None:
    """Send a decision about the batch as it is now."""
    worker = client(config)
    attempt = worker.call("GET", f"/api/batches/{number}/review?limit=1")["attempt"]
    answer = worker.call("POST", f"/api/batches/{number}/review", {"attempt": attempt, **request})
    if as_json:
        print_json(answer)
    else:
        say(f"batch {number} is {answer['batch']['state']}")


def reprocess(
    numbers: Annotated[list[int], typer.Argument(help="Batches that are DONE.")],
    reason: ReasonOption = "",
    preview: Annotated[bool, typer.Option("--preview", help="Only show what would differ.")] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """De-identify batches again by the current rules, and replace at their destinations what was sent before."""
    worker = client(config)
    if not preview:
        required_reason(reason)
        if not yes:
            confirm(f"Replace {len(numbers)} batch(es) at their destinations?")
    answers = []
    for number in numbers:
        answer = worker.call("POST", f"/api/batches/{number}/reprocess", {"reason": reason, "preview": preview})
        answers.append(answer)
        if not as_json:
            _say_reprocessed(number, answer)
    if as_json:
        print_json(answers)


def _say_reprocessed(number: int, answer: dict[str, Any]) -> None:
    difference = answer["difference"]
    if difference is None:
        say(f"batch {number} is {answer['batch']['state']}, as version {answer['version']}")
        return
    say(f"batch {number}: of {difference['instances']} instances, {difference['compared']} were compared")
    masked = difference["masked_differently"]
    say(f"  {difference['same']} stay the same, {difference['changed']} change, {masked} are masked differently")
    for reason, count in difference["not_sent"].items():
        say(f"  {count} would not be sent: {reason}")
    for action in sorted({*difference["actions_before"], *difference["actions_now"]}):
        before, now = difference["actions_before"].get(action, 0), difference["actions_now"].get(action, 0)
        if before != now:
            say(f"  {action}: {before} times before, {now} now")
    if difference["attributes_note"]:
        say(f"  by attribute: {difference['attributes_note']}")
    for attribute in difference["attributes"]:
        before, now = (attribute[name] or "nothing" for name in ("before", "after"))
        was, becomes = f"{before} ({attribute['before_rule']})", f"now {now} ({attribute['after_rule']})"
        say(f"  {attribute['tag']} {attribute['name']}: {was}, {becomes}")
