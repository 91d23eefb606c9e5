"""What Datastore refuses, as an error that says what to change; everything else as for all of Google's services."""

from __future__ import annotations

from google.api_core.exceptions import (
    FailedPrecondition,
    GoogleAPICallError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    RetryError,
)

from sendit.destinations.google_errors import translate, words
from sendit.errors import Misconfigured, Retry, SendItError


def datastore_error(error: Exception, place: str, what: str) -> SendItError:
    """The error of ours for one of `GOOGLE_ERRORS`.

    Args:
        place: the index as it stands in orthanc.json.
        what: what was asked for, in words that follow "when".
    """
    if isinstance(error, RetryError) and isinstance(error.cause, GoogleAPICallError):
        error = error.cause
    if isinstance(error, GoogleAPICallError):
        said = words(error)
        if isinstance(error, InvalidArgument) and ("expired" in said or "transaction" in said.lower()):
            return Retry(f"a transaction of Datastore took too long, or was damaged on its way, when {what}")
        if isinstance(error, NotFound):
            cure = (
                "Create a database in Datastore mode there (gcloud firestore databases create --type=datastore-mode), "
                "or check GoogleProject and Database."
            )
            return Misconfigured(place, f"there is no such project or database ({said})", cure)
        if "native mode" in said.lower():
            cure = "Name a database in Datastore mode: one in native mode cannot be used through Datastore."
            return Misconfigured(f"{place}.Database", "the database is in Firestore's native mode", cure)
        if isinstance(error, PermissionDenied):
            return _denied(said, place, what)
        if isinstance(error, FailedPrecondition):
            cure = "Check the state of the database in the Google Cloud console."
            return Misconfigured(place, f"Datastore refuses when {what} ({said})", cure)
    return translate(error, place, what)


def _denied(said: str, place: str, what: str) -> SendItError:
    lower = said.lower()
    if "has not been used" in lower or "is disabled" in lower or "service_disabled" in lower:
        cure = "Enable it: gcloud services enable datastore.googleapis.com --project=<GoogleProject>."
        return Misconfigured(f"{place}.GoogleProject", f"the Datastore API is not enabled there ({said})", cure)
    cure = "Give the service account the role Cloud Datastore User (roles/datastore.user) in this project."
    return Misconfigured(place, f"Datastore denies us when {what} ({said})", cure)
