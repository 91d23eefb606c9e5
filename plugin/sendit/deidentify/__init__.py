"""De-identification: pure functions from one DICOM file to another. No network, no database, no clock.

plan = compile_plan(project.options, recipes)      once per project
identities = KeyedIdentities(key)                  once per project
outcome = deidentify(source, plan, identities)     once per instance: Released, Rejected or Quarantined
"""

from sendit.deidentify.compile import compile_plan
from sendit.deidentify.engine import deidentify
from sendit.deidentify.plan import Action, Plan, Rule
from sendit.deidentify.pseudonyms import KeyedIdentities, ListedIdentities, Patient
from sendit.deidentify.recipes.custom_functions import FunctionsText
from sendit.deidentify.recipes.parser import RecipeText
from sendit.deidentify.validate import patient_of

__all__ = [
    "Action",
    "FunctionsText",
    "KeyedIdentities",
    "ListedIdentities",
    "Patient",
    "Plan",
    "RecipeText",
    "Rule",
    "compile_plan",
    "deidentify",
    "patient_of",
]
