"""Files on the worker's disk: staged instances, previews, the data directory."""
