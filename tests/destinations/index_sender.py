"""A process that writes an index, to be killed: python -m tests.destinations.index_sender PICKLE"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

from pydantic import TypeAdapter

from sendit.destination_settings import GoogleCredentials
from sendit.destination_settings import Index as IndexSettings
from sendit.destinations.index import open_index


def main() -> None:
    place, settings, consignment, places = pickle.loads(Path(sys.argv[1]).read_bytes())
    index = open_index(place, TypeAdapter(IndexSettings).validate_python(settings), GoogleCredentials())
    index.write(consignment, places)


if __name__ == "__main__":
    main()
