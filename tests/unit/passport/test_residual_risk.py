"""What random reviews showed stands in a passport, for the images and rules that it is about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sendit.journal.release.residual import Residual, bound
from sendit.pipeline.passport import document
from tests.destinations.staged_instances import shipment as shipment_of_one
from tests.passports import ISSUED, RULES

if TYPE_CHECKING:
    from pathlib import Path


def test_only_the_kinds_and_rules_of_the_shipment(tmp_path: Path) -> None:
    shipment = shipment_of_one(tmp_path, 1)
    receipt = shipment.staged_instances[0].receipt
    same = Residual(receipt.modality, receipt.plan_sha256, 500, 620, 0, bound(0, 500))
    others = [replace(same, modality="ZZ"), replace(same, plan_sha256="0" * 64)]
    manifest = document.manifest(shipment, ISSUED, RULES, {}, [same, *others])
    assert manifest["residual_risk"] == [
        {
            "modality": receipt.modality,
            "rules": receipt.plan_sha256,
            "studies": 500,
            "instances": 620,
            "missed": 0,
            "upper_95": "0.005974",
        }
    ]
    assert document.manifest(shipment, ISSUED, RULES, {})["residual_risk"] == []
    assert "fewer than 0.6 % at 95 % confidence" in same.sentence()
