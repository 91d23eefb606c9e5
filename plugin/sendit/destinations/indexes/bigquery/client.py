"""BigQuery as the index uses it: one table, made or widened if need be, rows in, rows out, rows away."""

from __future__ import annotations

import os
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from google.api_core.exceptions import BadRequest, Conflict, Forbidden, GoogleAPICallError, NotFound, RetryError
from google.cloud import bigquery

from sendit.destinations.google.credentials import credentials
from sendit.destinations.google.errors import GOOGLE_ERRORS, translate, words
from sendit.destinations.indexes.base import Patience
from sendit.destinations.indexes.bigquery.rows import COLUMNS
from sendit.errors import Misconfigured, Retry, SendItError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from google.api_core.retry import Retry as Tries

    from sendit.destinations.google.settings import GoogleCredentials
    from sendit.destinations.indexes.bigquery.settings import BigQueryIndexSettings

T = TypeVar("T")

PATIENCE = Patience(call=30.0, whole=90.0)
#: Inserted rows lie in a buffer for up to this long, and cannot be deleted before.
_BUFFERED = timedelta(minutes=90)
#: Reasons of a refused row that are none of its own.
_PASSING = frozenset({"stopped", "timeout", "backendError", "internalError", "rateLimitExceeded", "quotaExceeded"})


class Rows:
    """The rows of one table. Thread-safe; connected at the first call, in each process."""

    def __init__(self, place: str, settings: BigQueryIndexSettings, accounts: GoogleCredentials) -> None:
        self.place = place
        self.patience = PATIENCE
        self._settings = settings
        self._accounts = accounts
        self._lock = threading.Lock()
        self._connected: tuple[int, Any] | None = None

    @property
    def name(self) -> str:
        """Return the full name of the table."""
        s = self._settings
        return f"{s.google_project}.{s.dataset}.{s.table}"

    def is_there(self) -> bool:
        """Return whether there is a table; without one there are no rows either."""
        return self._table() is not None

    def ready(self) -> None:
        """Make the data set, the table and the columns that are missing; nothing that is there is changed."""
        table = self._table()
        if table is None:
            table = self._make()
        have = {field.name: field.field_type for field in table.schema}
        wrong = sorted(name for name, kind in COLUMNS.items() if not _fits(have.get(name), kind))
        if wrong:
            problem = f"columns of the table have another type than SendIt writes: {', '.join(wrong)}"
            raise Misconfigured(f"{self.place}.Table", problem, "Name another table; SendIt creates it.")
        missing = [_field(name) for name in COLUMNS if name not in have]
        if missing:
            table.schema = [*table.schema, *missing]
            self._call("columns were added", self._client.update_table, table, ["schema"])

    def select(self, columns: Sequence[str], where: str, values: Mapping[str, Any]) -> list[Any]:
        """Return rows of the table as named tuples."""
        return self._query(f"SELECT {', '.join(columns)} FROM `{self.name}` WHERE {where}", values)

    def delete(self, where: str, values: Mapping[str, Any]) -> None:
        """Remove rows.

        Raises:
            Retry: they were inserted a short while ago; it says until when they stay.
        """
        try:
            self._query(f"DELETE FROM `{self.name}` WHERE {where}", values, translated=False)
        except BadRequest as error:
            if "streaming buffer" not in str(error.message):
                raise bigquery_error(error, self.place, "rows were deleted") from None
            raise Retry(self._until()) from None
        except GOOGLE_ERRORS as error:
            raise bigquery_error(error, self.place, "rows were deleted") from None

    def insert(self, rows: Sequence[Mapping[str, Any]], ids: Sequence[str]) -> None:
        """Stream rows in; BigQuery drops those whose insert id it saw a moment ago."""
        try:
            problems = self._client.insert_rows_json(
                self.name, rows, row_ids=ids, retry=self._tries(), timeout=self.patience.call
            )
        except NotFound:  # `ready` has seen it
            raise Retry(
                "BigQuery does not yet accept rows for the table, which was created a short while ago"
            ) from None
        except GOOGLE_ERRORS as error:
            raise bigquery_error(error, self.place, "rows were inserted") from None
        if problems:
            raise self._refused([one for row in problems for one in row.get("errors", [])])

    def _refused(self, problems: Sequence[Mapping[str, Any]]) -> Retry | Misconfigured:
        """Return the error for refused rows: reasons and columns, but no messages, which could quote values."""
        lasting = [one for one in problems if one.get("reason") not in _PASSING]
        if not lasting:
            return Retry("BigQuery did not take all rows")
        if all("no such field" in str(one.get("message", "")) for one in lasting):  # `ready` has added it
            return Retry("BigQuery does not yet know columns that were added a short while ago")
        columns = ", ".join(sorted({str(one.get("location")) for one in lasting if one.get("location") in COLUMNS}))
        problem = f"BigQuery refuses rows ({lasting[0].get('reason')}){f' for {columns}' if columns else ''}"
        return Misconfigured(f"{self.place}.Table", problem, "See the table's schema: required columns of its own?")

    def _table(self) -> Any | None:
        try:
            return self._client.get_table(self.name, retry=self._tries(), timeout=self.patience.call)
        except NotFound as error:
            if _no_project(error):
                raise bigquery_error(error, self.place, "the table was asked for") from None
            return None
        except GOOGLE_ERRORS as error:
            raise bigquery_error(error, self.place, "the table was asked for") from None

    def _make(self) -> Any:
        self._make_dataset()
        table = bigquery.Table(self.name, schema=[_field(name) for name in COLUMNS])
        # By the month of insertion: streaming refuses dates of studies that lie far back.
        table.time_partitioning = bigquery.TimePartitioning(type_=bigquery.TimePartitioningType.MONTH)
        table.clustering_fields = ["project", "PatientID", "StudyInstanceUID"]
        try:
            return self._client.create_table(table, retry=self._tries(), timeout=self.patience.call)
        except Conflict:
            return self._table() or table
        except GOOGLE_ERRORS as error:
            raise bigquery_error(error, self.place, "the table was made") from None

    def _make_dataset(self) -> None:
        """Create the data set only if it is missing: an account may be allowed to write in it but not to create one."""
        s = self._settings
        dataset = bigquery.Dataset(f"{s.google_project}.{s.dataset}")
        if s.location:
            dataset.location = s.location
        try:
            self._client.get_dataset(dataset.reference, retry=self._tries(), timeout=self.patience.call)
        except NotFound:
            self._call("the data set was made", self._client.create_dataset, dataset, exists_ok=True)
        except GOOGLE_ERRORS as error:
            raise bigquery_error(error, self.place, "the data set was asked for") from None

    def _until(self) -> str:
        table = self._table()
        oldest = table.streaming_buffer.oldest_entry_time if table is not None and table.streaming_buffer else None
        when = f" at {oldest + _BUFFERED:%Y-%m-%d %H:%M} UTC" if oldest else " 90 minutes after they were inserted"
        return f"BigQuery cannot delete rows that were inserted a short while ago; it can{when} at the latest"

    def _query(self, text: str, values: Mapping[str, Any], *, translated: bool = True) -> list[Any]:
        parameters = [_parameter(name, value) for name, value in values.items()]
        try:
            rows = self._client.query_and_wait(
                text,
                job_config=bigquery.QueryJobConfig(query_parameters=parameters, use_query_cache=False),
                retry=self._tries(),
                job_retry=None,
                api_timeout=self.patience.call,
                wait_timeout=self.patience.whole,
            )
            return list(rows)  # its pages are asked for here
        except GOOGLE_ERRORS as error:
            if not translated:
                raise
            raise bigquery_error(error, self.place, "rows were asked for") from None

    def _call(self, what: str, method: Callable[..., T], *arguments: Any, **named: Any) -> T:
        try:
            return method(*arguments, **named, retry=self._tries(), timeout=self.patience.call)
        except GOOGLE_ERRORS as error:
            raise bigquery_error(error, self.place, what) from None

    def _tries(self) -> Tries:
        tries: Tries = bigquery.DEFAULT_RETRY.with_delay(initial=0.2, maximum=5.0).with_timeout(self.patience.whole)
        return tries

    @property
    def _client(self) -> Any:
        with self._lock:
            if self._connected is None or self._connected[0] != os.getpid():
                self._connected = (os.getpid(), self._connect())
            return self._connected[1]

    def _connect(self) -> Any:
        s = self._settings
        ours, _ = credentials(self._accounts, f"{self.place}.Credentials")
        return bigquery.Client(
            project=s.google_project,
            credentials=ours,
            location=s.location,
            client_options={"api_endpoint": s.endpoint.rstrip("/")} if s.endpoint else None,
        )


def _no_project(error: GoogleAPICallError) -> bool:
    return "not found: project" in str(error.message).lower()


def _field(name: str) -> Any:
    return bigquery.SchemaField(name, COLUMNS[name])


def _fits(have: str | None, expected: str) -> bool:
    """Return whether a column may stay as it is; BigQuery has two names for some types."""
    same = {"INT64": "INTEGER", "FLOAT64": "FLOAT"}
    return have is None or same.get(have, have) == expected


def _parameter(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return bigquery.ArrayQueryParameter(name, "STRING", value)
    return bigquery.ScalarQueryParameter(name, "INT64" if isinstance(value, int) else "STRING", value)


#: Quotas that BigQuery answers with 403.
_QUOTAS = ("ratelimitexceeded", "quotaexceeded", "exceeded rate limits", "quota exceeded")


def bigquery_error(error: Exception, place: str, what: str) -> SendItError:
    """Return the error of ours for one of `GOOGLE_ERRORS`.

    Args:
        error: the error as it was raised.
        place: the index as it stands in orthanc.json.
        what: what was done, in words that follow "when".
    """
    if isinstance(error, RetryError) and isinstance(error.cause, GoogleAPICallError):
        error = error.cause
    if not isinstance(error, GoogleAPICallError):
        return translate(error, place, what)
    message = words(error)
    lower = f"{message} {[one.get('reason') for one in error.errors if isinstance(one, dict)]}".lower()
    if isinstance(error, BadRequest) and ("parse error" in lower or "invalid json payload" in lower):
        return Retry(f"BigQuery could not read a request when {what}: it was damaged in transit")
    if isinstance(error, NotFound):
        remedy = "Check GoogleProject, Dataset and Location."
        return Misconfigured(place, f"BigQuery finds no such project or data set ({message})", remedy)
    if isinstance(error, Forbidden) and any(quota in lower for quota in _QUOTAS):
        return Retry(f"a quota of BigQuery is used up when {what}")
    if isinstance(error, Forbidden) and ("has not been used" in lower or "is disabled" in lower):
        remedy = "Enable it: gcloud services enable bigquery.googleapis.com --project=<GoogleProject>."
        return Misconfigured(f"{place}.GoogleProject", f"the BigQuery API is not enabled there ({message})", remedy)
    if isinstance(error, Forbidden):
        remedy = (
            "Give the service account the roles BigQuery Data Editor (roles/bigquery.dataEditor) and BigQuery Job User "
            "(roles/bigquery.jobUser)."
        )
        return Misconfigured(place, f"BigQuery denied access when {what} ({message})", remedy)
    return translate(error, place, what)
