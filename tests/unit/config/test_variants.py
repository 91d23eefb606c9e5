"""Variants of a project, as the configuration has them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from sendit.config.project import CsvList, Keyed
from sendit.config.schema import Option, load
from sendit.config.variants import family_of, key_owner, projects_proper
from sendit.errors import Misconfigured

WHOLE: dict[str, Any] = {
    "OrthancPeers": {name: ["http://127.0.0.1:8043/"] for name in ("a", "b", "c")},
    "SendIt": {
        "Destinations": {name: {"Type": "OrthancPeer", "Peer": name} for name in ("a", "b", "c")},
        "Projects": {
            "irb": {
                "Match": {"Modality": ["CT"]},
                "Options": ["CleanDescriptors"],
                "Identities": {"Source": "Csv", "Path": "/list.csv"},
                "AfterDelivery": "DeleteOriginals",
                "Destinations": ["a"],
                "Variants": {
                    "dates": {"Options": ["RetainLongitudinalFullDates"], "Destinations": ["b"]},
                    "apart": {"OwnPseudonyms": True, "Destinations": ["c"]},
                },
            },
            "irb2": {"Destinations": ["a"]},
        },
    },
}


def changed(change: dict[str, Any], variant: str = "dates") -> dict[str, Any]:
    document = copy.deepcopy(WHOLE)
    document["SendIt"]["Projects"]["irb"]["Variants"][variant].update(change)
    return document


def refused(document: dict[str, Any]) -> Misconfigured:
    with pytest.raises(Misconfigured) as caught:
        load(document)
    return caught.value


def test_a_variant_is_a_project_of_its_own() -> None:
    """Behind its project: its own options and destinations, the rest as the project has it, no Match."""
    settings, _ = load(WHOLE)
    assert list(settings.projects) == ["irb", "irb@dates", "irb@apart", "irb2"]
    variant = settings.projects["irb@dates"]
    assert variant.options == [Option.RETAIN_LONGITUDINAL_FULL_DATES]
    assert (variant.match, variant.destinations, variant.after_delivery) == (None, ["b"], "DeleteOriginals")
    assert isinstance(variant.identities, CsvList)
    assert projects_proper(settings) == ["irb", "irb2"]
    assert family_of(settings, "irb@apart") == ["irb", "irb@dates", "irb@apart"]
    assert family_of(settings, "irb2") == ["irb2"]


def test_pseudonyms_are_shared_or_apart() -> None:
    """Shared: the project's key and list. Apart: a key of its own, and no list."""
    settings, _ = load(WHOLE)
    assert key_owner(settings.projects, "irb@dates") == key_owner(settings.projects, "irb") == "irb"
    assert key_owner(settings.projects, "irb@apart") == "irb@apart"
    assert isinstance(settings.projects["irb@apart"].identities, Keyed)


def test_a_destination_belongs_to_one_of_them() -> None:
    """Named by the project and a variant, or by two variants: refused, with both places."""
    error = refused(changed({"Destinations": ["b", "a"]}))
    assert error.place == "SendIt.Projects.irb.Variants.dates.Destinations[1]"
    assert "SendIt.Projects.irb already" in error.problem
    assert "SendIt.Projects.irb.Variants.dates already" in refused(changed({"Destinations": ["b"]}, "apart")).problem


def test_what_is_wrong_in_a_variant_has_its_place() -> None:
    """An unknown key, an unknown destination, a name that is too long."""
    assert refused(changed({"Optoins": []})).place == "SendIt.Projects.irb.Variants.dates.Optoins"
    unknown = refused(changed({"Destinations": ["nowhere"]}))
    assert unknown.place == "SendIt.Projects.irb.Variants.dates.Destinations[0]"
    document = copy.deepcopy(WHOLE)
    document["SendIt"]["Projects"]["irb"]["Variants"]["v" * 64] = {"Destinations": ["c"]}
    del document["SendIt"]["Projects"]["irb"]["Variants"]["apart"]
    assert "shorter name" in refused(document).remedy


def test_one_place_under_two_names() -> None:
    """Two contents under one UID would meet there; with pseudonyms of their own they do not."""
    document = copy.deepcopy(WHOLE)
    document["SendIt"]["Destinations"]["b"]["Peer"] = "a"
    error = refused(document)
    assert error.place == "SendIt.Projects.irb.Variants.dates.Destinations[0]"
    assert "'b' is the same place as 'a'" in error.problem
    document["SendIt"]["Projects"]["irb"]["Variants"]["dates"]["OwnPseudonyms"] = True
    load(document)
