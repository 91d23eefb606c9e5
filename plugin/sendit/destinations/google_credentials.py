"""Who we are to Google: from the section "Credentials" to what Google's clients take."""

from __future__ import annotations

from pathlib import Path

import google.auth
from google.auth import impersonated_credentials
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.oauth2 import service_account

from sendit.destination_settings import GoogleCredentials
from sendit.errors import Misconfigured

#: One scope for all: what may be done is decided by the roles of the account.
SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


def credentials(settings: GoogleCredentials, place: str) -> tuple[Credentials, str | None]:
    """The credentials, and the Google project that they name, if they name one. Nothing is asked of Google yet.

    Args:
        place: where the section stands in orthanc.json, for example `SendIt.Destinations.bucket.Credentials`.

    Raises:
        Misconfigured: there are none, or the file holds none.
    """
    if settings.source == "Anonymous":
        return AnonymousCredentials(), None  # type: ignore[no-untyped-call]
    if settings.source == "ServiceAccountFile":
        assert settings.path is not None
        found, project = _of_service_account(settings.path, f"{place}.Path")
    else:
        found, project = _of_machine(place)
    if settings.impersonate:
        found = impersonated_credentials.Credentials(  # type: ignore[no-untyped-call]
            source_credentials=found, target_principal=settings.impersonate, target_scopes=list(SCOPES)
        )
    return found, project


def _of_machine(place: str) -> tuple[Credentials, str | None]:
    try:
        return google.auth.default(scopes=SCOPES)
    except DefaultCredentialsError:
        cure = (
            "Run Orthanc where Application Default Credentials are (a service account of the machine, workload "
            "identity, GOOGLE_APPLICATION_CREDENTIALS in Orthanc's environment), or write "
            '"Credentials": {"Source": "ServiceAccountFile", "Path": "/…/key.json"}.'
        )
        raise Misconfigured(place, "this machine has no Google credentials", cure) from None
    except (GoogleAuthError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        cure = "See the file that GOOGLE_APPLICATION_CREDENTIALS names, and whether the worker may read it."
        problem = f"the machine's Google credentials cannot be used ({type(error).__name__})"
        raise Misconfigured(place, problem, cure) from None


def _of_service_account(path: Path, place: str) -> tuple[Credentials, str | None]:
    try:
        found = service_account.Credentials.from_service_account_file(  # type: ignore[no-untyped-call]
            str(path), scopes=SCOPES
        )
    except OSError as error:
        cure = "Put the key of the service account there, readable for the user of the worker."
        raise Misconfigured(place, f"the file cannot be read ({error.strerror})", cure) from None
    except (GoogleAuthError, ValueError, KeyError, TypeError, AttributeError):  # its message could quote the file
        cure = "Make a JSON key of a service account in the Google Cloud console, and give its path."
        raise Misconfigured(place, "this is no key file of a Google service account", cure) from None
    return found, found.project_id
