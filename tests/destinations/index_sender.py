"""A process that writes an index, to be killed: python -m tests.destinations.index_sender PICKLE"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from sendit.destinations.gcs.settings import Index
from sendit.destinations.google.settings import GoogleCredentials
from sendit.destinations.indexes.base import open_index

if TYPE_CHECKING:
    from sendit.destinations.indexes.bigquery.settings import BigQueryIndexSettings
    from sendit.destinations.indexes.datastore.settings import DatastoreIndexSettings


def main() -> None:
    place, values, shipment, places = pickle.loads(Path(sys.argv[1]).read_bytes())
    settings: BigQueryIndexSettings | DatastoreIndexSettings = TypeAdapter(Index).validate_python(values)
    index = open_index(place, settings, GoogleCredentials())
    index.write(shipment, places)


if __name__ == "__main__":
    main()
