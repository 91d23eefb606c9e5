"""The calls of Orthanc's Python plugin that SendIt uses, and only those (plugin 4.0 to 7.1).

Orthanc makes this module inside its own process; it cannot be installed. A test compares every name here with the
running plugin. In plugin 4.0 each call holds Python's lock, so none of them may take long.
"""

from collections.abc import Callable
from typing import overload

class ChangeType:
    """What an OnChange callback tells. The members are plain integers."""

    DELETED: int
    NEW_STUDY: int
    ORTHANC_STARTED: int
    ORTHANC_STOPPED: int
    STABLE_STUDY: int

class ResourceType:
    """The level of the resource that a change is about."""

    STUDY: int

class MetricsType:
    """How Orthanc keeps the values of a metric."""

    DEFAULT: int

class RestOutput:
    """Where a REST callback writes its answer: headers, then exactly one of the three other calls."""

    def AnswerBuffer(self, answer: bytes | str, mime: str, /) -> None:
        """Answer 200 with this body."""

    @overload
    def SendHttpStatus(self, status: int, body: str, /) -> None:
        """Answer with this status; since plugin 5.0. An earlier one raises TypeError.

        301, 405 and any status that Orthanc does not know close the connection without an answer. From 1.12 on Orthanc
        adds `Content-Type: text/plain` and `X-Content-Type-Options: nosniff`, whatever header was set before.
        """

    @overload
    def SendHttpStatus(self, status: int, body: str, size: int, /) -> None:
        """Do the same until plugin 4.x; a later one raises TypeError. `size` is in bytes of UTF-8; a NUL raises."""

    def SendMethodNotAllowed(self, allowed: str, /) -> None:
        """Answer 405 with an Allow header, for example `GET,POST`; the only way to that status."""

    def SetHttpHeader(self, name: str, value: str, /) -> None:
        """Add a header to the answer that follows."""

class KeysValuesIterator:
    """Since plugin 6.0: goes through the keys of a store."""

    def Next(self) -> bool:
        """Go to the first, or the next, key; return whether there is one."""

    def GetKey(self) -> str:
        """Return the key."""

def CreateKeysValuesIterator(store: str, /) -> KeysValuesIterator:
    """Since plugin 6.0: return an iterator over the keys of a store; raises if the database has no key-value store."""

def DeleteKeyValue(store: str, key: str, /) -> None:
    """Since plugin 6.0: delete a key; one that is not there is no error."""

def ExtendOrthancExplorer(javascript: str, /) -> None:
    """Add JavaScript to Orthanc Explorer. At load only."""

def GenerateRestApiAuthorizationToken() -> str:
    """Return a value for the Authorization header that Orthanc's REST API accepts until this Orthanc ends."""

def GetCommandLineArgument(index: int, /) -> str:
    """One of the arguments that Orthanc was started with; its own name is not among them."""

def GetCommandLineArgumentsCount() -> int:
    """How many there are."""

def GetConfigurationPath() -> str:
    """Return the full path of the configuration file; for a folder without a trailing slash, that of its parent."""

def GetConfiguration() -> str:
    """Return the whole configuration as JSON, with environment variables. It contains users' passwords."""

def LogError(message: str, /) -> None:
    """Write to Orthanc's log, always."""

def LogInfo(message: str, /) -> None:
    """Write to Orthanc's log when it runs with --verbose."""

def LogWarning(message: str, /) -> None:
    """Write to Orthanc's log, always; Orthanc's own notices use this level."""

def StoreKeyValue(store: str, key: str, value: bytes, /) -> None:
    """Since plugin 6.0: store a value in Orthanc's database; raises if it is empty, or there is no such store."""

def SetMetricsValue(name: str, value: float, type: int, /) -> None:
    """Set one of Orthanc's own metrics, which it shows at /tools/metrics-prometheus."""

def RegisterOnChangeCallback(callback: Callable[[int, int, str], None], /) -> None:
    """callback(ChangeType, ResourceType, Orthanc id), on one thread of its own, one at a time."""

def RegisterOnStoredInstanceCallback(callback: Callable[[object, str], None], /) -> None:
    """callback(instance, Orthanc id), on the thread that receives; its sender waits meanwhile."""

def RegisterRestCallback(uri: str, callback: Callable[..., None], /) -> None:
    """callback(output, uri, **request) for the URIs that match this regular expression; several at the same time.

    `request` has method, groups and headers (names in lower case). GET adds get (URL-decoded from Orthanc 1.13 on; of
    several with one name the last), POST and PUT add body. The query of other methods is lost.
    """

def RestApiGet(uri: str, /) -> bytes:
    """Return the answer of Orthanc's own REST API. It blocks Python; not in OnStoredInstance, nor at load."""
