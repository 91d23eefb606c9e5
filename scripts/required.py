"""Write plugin/sendit/deidentify/tables/required.csv: attributes that IODs require and the profile would remove.

    python -m scripts.required FOLDER

FOLDER contains PS3.3's modules as JSON: `highdicom/_standard` of the package highdicom (the present table was made from
0.28.2), whose data come from PS3.3 and PS3.4. An attribute is in the table if a storage SOP class has it as type 1 or 2
(PS3.5 7.4) in a place that the profile keeps, and the profile's action is insufficient for that type. For attributes in
Table E.1-1, conditional types (1C, 2C) do not count: according to the table they may be absent.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import defaultdict
from pathlib import Path

from pydicom.datadict import tag_for_keyword

from sendit.deidentify.plan import Action, Rule
from sendit.deidentify.profile import table as profile

_TARGET = Path(__file__).parents[1] / "plugin" / "sendit" / "deidentify" / "tables" / "required.csv"
#: The dummy value would have to be a time zone, which suggests a place.
_LEFT_OUT = frozenset({"TimezoneOffsetFromUTC"})
_STORAGE = "1.2.840.10008.5.1.4."
#: Type → form of the attribute; and the actions that are insufficient for it.
_FORMS = {"1": "D", "1C": "D", "2": "Z", "2C": "Z"}
_GONE = (Action.REMOVE,)
_EMPTY = (Action.REMOVE, Action.EMPTY)


def main(folder: Path) -> None:
    """Write the table."""
    classes, iods, modules = (
        json.loads((folder / f"{name}.json").read_text("utf-8"))
        for name in ("sop_class_iod_map", "iod_module_map", "module_attribute_map")
    )
    rules = profile.rules(())
    found: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for uid, iod in classes.items():
        for module in iods[iod] if uid.startswith(_STORAGE) else ():
            for attribute in modules.get(module["key"], ()):
                form = _form(attribute, rules)
                if form:
                    parent = attribute["path"][-1] if attribute["path"] else "-"
                    found[parent, attribute["keyword"]].add((form, uid))
    with _TARGET.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("in", "attribute", "form", "sop_classes"))
        for (parent, keyword), made in sorted(found.items()):
            tag = tag_for_keyword(keyword)
            assert tag is not None
            everywhere = parent != "-" and (tag not in rules or rules[tag].origin == "allowlist")
            uids = sorted({uid.removeprefix(_STORAGE) for _, uid in made})
            names = "*" if everywhere or len(uids) > len(classes) * 3 // 4 else " ".join(uids)
            table.writerow((parent, keyword, min(form for form, _ in made), names))


def _form(attribute: dict[str, object], rules: dict[int, Rule]) -> str:
    """Return D or Z; "" if the profile's action is sufficient, or if it removes a sequence around the attribute."""
    tag = tag_for_keyword(str(attribute["keyword"]))
    kind = str(attribute["type"])
    path = [rules.get(tag_for_keyword(str(keyword)) or 0) for keyword in attribute["path"]]  # type: ignore[attr-defined]
    if tag is None or tag >> 16 < 8 or kind not in _FORMS or attribute["keyword"] in _LEFT_OUT:
        return ""
    if any(rule is None or rule.action in _EMPTY for rule in path):
        return ""
    rule = rules.get(tag)
    weak = rule is None or rule.action in (_EMPTY if kind == "1" else _GONE)
    conditional = kind.endswith("C")
    listed = rule is not None and rule.origin == "profile"
    return _FORMS[kind] if weak and not (conditional and listed) else ""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
