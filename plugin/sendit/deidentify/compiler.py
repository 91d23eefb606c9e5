"""Compiles options and recipes to a plan. A recipe decides over the profile, a later recipe over an earlier one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydicom._dicom_dict import DicomDictionary

from sendit.deidentify import profile
from sendit.deidentify.fields import Selection, UnknownField, resolve
from sendit.deidentify.functions import FunctionsText, ProjectNames, load_functions
from sendit.deidentify.lines import PRECEDENCE, check_line, rule_for
from sendit.deidentify.plan import NO_HANDLING, Action, Handling, Plan, Rule, dates_kept
from sendit.deidentify.recipe import Line, Recipe, RecipeText, read_recipe
from sendit.deidentify.recipe_filter import Label
from sendit.deidentify.site import OpenLine, Site, ValueSource
from sendit.settings import Option

_IDENTITY = (0x00100010, 0x00100020)  # PatientName, PatientID


def compile_plan(
    options: Sequence[Option],
    recipes: Sequence[RecipeText],
    safe_private: Sequence[str] = (),
    handling: Handling = NO_HANDLING,
) -> Plan:
    """Decide what happens to every attribute.

    Args:
        options: of PS3.15 Table E.1-1, in any order.
        recipes: deid recipes, in the order of the configuration; among them, at most one FunctionsText, the
            project's Python file.
        safe_private: private attributes that the project knows to be safe, `(gggg,"CREATOR",ee)`.
        handling: which instances are taken, and what is done about text in pixels.

    Raises:
        Misconfigured: an option that is not available or contradicts another; a line of a recipe that is not
            understood (the place is `recipe NAME, line N`); a Python file that cannot be run.
    """
    wanted = tuple(sorted(set(options)))
    profile.check_options(wanted)
    rules = profile.rules(wanted)
    site = apply_recipes(recipes, rules)
    method = [f"SendIt: DICOM PS3.15 {profile.EDITION}, Basic Profile"]
    if wanted:
        method.append("with the options coded in this dataset")
    if any(not isinstance(recipe, FunctionsText) for recipe in recipes):
        method.append("with rules of the site on top")
    return Plan(
        edition=profile.EDITION,
        options=tuple(str(option) for option in wanted),
        rules=rules,
        method=tuple(method),
        method_codes=profile.method_codes(wanted),
        identity_removed=not any(rules[tag].action is Action.KEEP for tag in _IDENTITY)
        and not (site and site.may_keep(_IDENTITY)),
        dates=dates_kept([*rules.values(), *(site.possible() if site else ())]),
        added=tuple(sorted(tag for tag, rule in rules.items() if rule.action is Action.ADD)),
        private=profile.private_rules(wanted, safe_private),
        graphics=Option.CLEAN_GRAPHICS in wanted,
        site=site,
        handling=handling,
    )


def apply_recipes(recipes: Sequence[RecipeText], rules: dict[int, Rule]) -> Site | None:
    """Put recipes over the rules; what only the instance can tell comes back."""
    functions = next((text for text in recipes if isinstance(text, FunctionsText)), None)
    names = load_functions(functions)
    lines: list[OpenLine] = []
    values: dict[str, tuple[ValueSource, ...]] = {}
    filters: list[Label] = []
    for index, text in enumerate((text for text in recipes if not isinstance(text, FunctionsText)), start=1):
        recipe = read_recipe(text)
        lines += _apply(recipe, index, rules, names)
        values |= {f"{index} {name}": sources for name, sources in _value_groups(recipe).items()}
        filters += recipe.filters
    called = any(rule.kind == "project" for rule in rules.values())
    if not (lines or filters or called):
        return None
    lines.sort(key=lambda line: line.rank, reverse=True)
    return Site(tuple(lines), values, tuple(filters), functions)


def _apply(recipe: Recipe, index: int, rules: dict[int, Rule], names: ProjectNames) -> list[OpenLine]:
    """Put the lines of one recipe over the rules, the weakest first; those that are left open come back."""
    groups = _field_groups(recipe)
    ways = _value_groups(recipe)
    left_open = []
    for line in sorted(recipe.lines, key=lambda line: PRECEDENCE.index(line.action)):
        selection = _selection(line, groups, ways)
        check_line(line, selection, names)
        rank = (index, PRECEDENCE.index(line.action) + 1, line.number)
        if line.action == "REMOVE" and line.value:
            left_open.append(OpenLine(line, selection, rank, values=f"{index} {selection.values}"))
            continue
        if selection.of_the_file:
            left_open.append(OpenLine(line, selection, rank, values=f"{index} {selection.values}"))
        for tag in sorted(selection.tags):
            rule = rule_for(line, tag, DicomDictionary[tag][0], names, rank)
            if rule is not None:
                rules[tag] = rule
    return left_open


def _selection(line: Line, groups: Mapping[str, Selection], values: Mapping[str, Sequence[ValueSource]]) -> Selection:
    try:
        return resolve(line.field, groups, values)
    except UnknownField as error:
        raise line.wrong(error.problem, error.cure) from None


def _field_groups(recipe: Recipe) -> Mapping[str, Selection]:
    """What the %fields groups mean. A group is not made of groups: deid would take their names for attributes."""
    found = {}
    for name, lines in recipe.fields.items():
        whole = Selection()
        for line in lines:
            whole |= _selection(line, {}, {})
        found[name] = whole
    return found


def _value_groups(recipe: Recipe) -> Mapping[str, tuple[ValueSource, ...]]:
    return {
        name: tuple(ValueSource(line, _selection(line, {}, {})) for line in lines)
        for name, lines in recipe.values.items()
    }


def check_recipe(recipe: RecipeText, functions: FunctionsText | None = None) -> None:
    """Raises Misconfigured where a recipe would stop SendIt."""
    apply_recipes([recipe, *([functions] if functions else [])], profile.rules(()))
