"""A process that writes an index, to be killed: python -m tests.destinations.index_sender PICKLE"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

from pydantic import TypeAdapter

from sendit.destinations.google.settings import GoogleCredentials
from sendit.destinations.indexes.base import IndexSettings, open_index


def main() -> None:
    place, settings, shipment, places = pickle.loads(Path(sys.argv[1]).read_bytes())
    index = open_index(place, TypeAdapter(IndexSettings).validate_python(settings), GoogleCredentials())
    index.write(shipment, places)


if __name__ == "__main__":
    main()
