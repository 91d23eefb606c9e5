"""What BigQuery refuses, as an error that says what to change; everything else as for all of Google's services."""

from __future__ import annotations

from google.api_core.exceptions import BadRequest, Forbidden, GoogleAPICallError, NotFound, RetryError

from sendit.destinations.google_errors import translate, words
from sendit.errors import Misconfigured, Retry, SendItError

#: Quotas that BigQuery answers with 403.
_QUOTAS = ("ratelimitexceeded", "quotaexceeded", "exceeded rate limits", "quota exceeded")


def bigquery_error(error: Exception, place: str, what: str) -> SendItError:
    """The error of ours for one of `GOOGLE_ERRORS`.

    Args:
        place: the index as it stands in orthanc.json.
        what: what was done, in words that follow "when".
    """
    if isinstance(error, RetryError) and isinstance(error.cause, GoogleAPICallError):
        error = error.cause
    if not isinstance(error, GoogleAPICallError):
        return translate(error, place, what)
    said = words(error)
    lower = f"{said} {[one.get('reason') for one in error.errors if isinstance(one, dict)]}".lower()
    if isinstance(error, BadRequest) and ("parse error" in lower or "invalid json payload" in lower):
        return Retry(f"BigQuery could not read what it was sent, when {what}: it was damaged on its way")
    if isinstance(error, NotFound):
        cure = "Check GoogleProject, Dataset and Location."
        return Misconfigured(place, f"BigQuery finds no such project or data set ({said})", cure)
    if isinstance(error, Forbidden) and any(quota in lower for quota in _QUOTAS):
        return Retry(f"a quota of BigQuery is used up when {what}")
    if isinstance(error, Forbidden) and ("has not been used" in lower or "is disabled" in lower):
        cure = "Enable it: gcloud services enable bigquery.googleapis.com --project=<GoogleProject>."
        return Misconfigured(f"{place}.GoogleProject", f"the BigQuery API is not enabled there ({said})", cure)
    if isinstance(error, Forbidden):
        cure = (
            "Give the service account the roles BigQuery Data Editor (roles/bigquery.dataEditor) and BigQuery Job User "
            "(roles/bigquery.jobUser)."
        )
        return Misconfigured(place, f"BigQuery denies us when {what} ({said})", cure)
    return translate(error, place, what)
