"""Compile options and recipes to a plan. A recipe overrides the profile, a later recipe an earlier one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom._dicom_dict import DicomDictionary

from sendit.deidentify.options import Option
from sendit.deidentify.plan import NO_HANDLING, Action, Handling, Plan, Rule, temporal_information
from sendit.deidentify.profile import table as profile
from sendit.deidentify.profile.method import METHOD
from sendit.deidentify.recipes.custom_functions import FunctionsText, ProjectNames, load_functions
from sendit.deidentify.recipes.parser import Recipe, RecipeText, read_recipe
from sendit.deidentify.recipes.per_instance import PerInstanceRule, PerInstanceRules, ValueSource
from sendit.deidentify.recipes.rules import PRECEDENCE, check_line, rule_for
from sendit.deidentify.recipes.selectors import Selection, UnknownSelector, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sendit.deidentify.recipes.filters import Filter
    from sendit.deidentify.recipes.parser import RecipeLine

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
        handling: which instances are accepted, and how text in their pixels is handled.

    Raises:
        Misconfigured: an option that is not available or contradicts another; a line of a recipe that is not
            understood (the error names `recipe NAME, line N`); a Python file that cannot be run.
    """
    chosen = tuple(sorted(set(options)))
    profile.check_options(chosen)
    rules = profile.rules(chosen)
    per_instance = apply_recipes(recipes, rules)
    method = [f"{METHOD} {profile.EDITION}, Basic Profile"]
    if chosen:
        method.append("with the options coded in this dataset")
    if any(not isinstance(recipe, FunctionsText) for recipe in recipes):
        method.append("with rules of the site on top")
    return Plan(
        edition=profile.EDITION,
        options=tuple(str(option) for option in chosen),
        rules=rules,
        method=tuple(method),
        method_codes=profile.method_codes(chosen),
        identity_removed=not any(rules[tag].action is Action.KEEP for tag in _IDENTITY)
        and not (per_instance and per_instance.may_keep(_IDENTITY)),
        dates=temporal_information([*rules.values(), *(per_instance.possible() if per_instance else ())]),
        added=tuple(sorted(tag for tag, rule in rules.items() if rule.action is Action.ADD)),
        private=profile.private_rules(chosen, safe_private),
        graphics=Option.CLEAN_GRAPHICS in chosen,
        per_instance=per_instance,
        handling=handling,
    )


def apply_recipes(recipes: Sequence[RecipeText], rules: dict[int, Rule]) -> PerInstanceRules | None:
    """Apply recipes to the rules; return the rules that depend on the instance."""
    functions = next((text for text in recipes if isinstance(text, FunctionsText)), None)
    names = load_functions(functions)
    lines: list[PerInstanceRule] = []
    values: dict[str, tuple[ValueSource, ...]] = {}
    filters: list[Filter] = []
    for index, text in enumerate((text for text in recipes if not isinstance(text, FunctionsText)), start=1):
        recipe = read_recipe(text)
        lines += _apply(recipe, index, rules, names)
        values |= {f"{index} {name}": sources for name, sources in _value_groups(recipe).items()}
        filters += recipe.filters
    called = any(rule.kind == "project" for rule in rules.values())
    if not (lines or filters or called):
        return None
    lines.sort(key=lambda line: line.rank, reverse=True)
    return PerInstanceRules(tuple(lines), values, tuple(filters), functions)


def _apply(recipe: Recipe, index: int, rules: dict[int, Rule], names: ProjectNames) -> list[PerInstanceRule]:
    """Apply the lines of one recipe to the rules, the weakest first; return those that depend on the instance."""
    groups = _field_groups(recipe)
    ways = _value_groups(recipe)
    left_open = []
    for line in sorted(recipe.lines, key=lambda line: PRECEDENCE.index(line.action)):
        selection = _selection(line, groups, ways)
        check_line(line, selection, names)
        rank = (index, PRECEDENCE.index(line.action) + 1, line.number)
        if line.action == "REMOVE" and line.value:
            left_open.append(PerInstanceRule(line, selection, rank, values=f"{index} {selection.values}"))
            continue
        if selection.of_the_file:
            left_open.append(PerInstanceRule(line, selection, rank, values=f"{index} {selection.values}"))
        for tag in sorted(selection.tags):
            rule = rule_for(line, tag, DicomDictionary[tag][0], names, rank)
            if rule is not None:
                rules[tag] = rule
    return left_open


def _selection(
    line: RecipeLine, groups: Mapping[str, Selection], values: Mapping[str, Sequence[ValueSource]]
) -> Selection:
    try:
        return resolve(line.selector, groups, values)
    except UnknownSelector as error:
        raise line.wrong(error.problem, error.remedy) from None


def _field_groups(recipe: Recipe) -> Mapping[str, Selection]:
    """Return what the %fields groups mean. A group cannot contain groups: deid would read their names as attributes."""
    selections = {}
    for name, lines in recipe.field_groups.items():
        whole = Selection()
        for line in lines:
            whole |= _selection(line, {}, {})
        selections[name] = whole
    return selections


def _value_groups(recipe: Recipe) -> Mapping[str, tuple[ValueSource, ...]]:
    return {
        name: tuple(ValueSource(line, _selection(line, {}, {})) for line in lines)
        for name, lines in recipe.value_groups.items()
    }
