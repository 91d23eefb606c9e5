"""Google credentials: from the section "Credentials" to what Google's clients accept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import google.auth
from google.auth import impersonated_credentials
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.oauth2 import service_account

from sendit.errors import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

    from sendit.destinations.google.settings import GoogleCredentials

#: One scope for all: what may be done is decided by the roles of the account.
SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


def credentials(settings: GoogleCredentials, place: str) -> tuple[Credentials, str | None]:
    """Return the credentials, and the Google project that they name, if they name one. Nothing is asked of Google yet.

    Args:
        settings: settings with the names of project and key file.
        place: where the section stands in orthanc.json, for example `SendIt.Destinations.bucket.Credentials`.

    Raises:
        Misconfigured: there are none, or the file holds none.
    """
    if settings.source == "Anonymous":
        return AnonymousCredentials(), None  # type: ignore[no-untyped-call]
    if settings.source == "ServiceAccountFile":
        assert settings.path is not None
        impersonated, project = _of_service_account(settings.path, f"{place}.Path")
    else:
        impersonated, project = _of_machine(place)
    if settings.impersonate:
        impersonated = impersonated_credentials.Credentials(  # type: ignore[no-untyped-call]
            source_credentials=impersonated, target_principal=settings.impersonate, target_scopes=list(SCOPES)
        )
    return impersonated, project


def _of_machine(place: str) -> tuple[Credentials, str | None]:
    try:
        return google.auth.default(scopes=SCOPES)
    except DefaultCredentialsError:
        remedy = (
            "Run Orthanc where Application Default Credentials are (a service account of the machine, workload "
            "identity, GOOGLE_APPLICATION_CREDENTIALS in Orthanc's environment), or write "
            '"Credentials": {"Source": "ServiceAccountFile", "Path": "/…/key.json"}.'
        )
        raise Misconfigured(place, "this machine has no Google credentials", remedy) from None
    except (GoogleAuthError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        remedy = "See the file that GOOGLE_APPLICATION_CREDENTIALS names, and whether the worker may read it."
        problem = f"the machine's Google credentials cannot be used ({type(error).__name__})"
        raise Misconfigured(place, problem, remedy) from None


def _of_service_account(path: Path, place: str) -> tuple[Credentials, str | None]:
    try:
        account = service_account.Credentials.from_service_account_file(  # type: ignore[no-untyped-call]
            str(path), scopes=SCOPES
        )
    except OSError as error:
        remedy = "Put the key of the service account there, readable for the user of the worker."
        raise Misconfigured(place, f"the file cannot be read ({error.strerror})", remedy) from None
    except (GoogleAuthError, ValueError, KeyError, TypeError, AttributeError):  # its message could quote the file
        remedy = "Make a JSON key of a service account in the Google Cloud console, and give its path."
        raise Misconfigured(place, "this is not a key file of a Google service account", remedy) from None
    return account, account.project_id
