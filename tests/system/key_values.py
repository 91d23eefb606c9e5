"""Orthanc's key-value stores, which its Python plugin has since 6.0, for the one that is installed: a folder of files.

`PRELUDE` goes before the text of a plugin. It makes the four functions that SendIt uses, as they are in plugin 7.1.
"""

from __future__ import annotations

PRELUDE = """
import orthanc
from pathlib import Path

class _Store:
    folder = Path({folder!r})

    @classmethod
    def of(cls, store):
        if (cls.folder / "broken").exists():
            raise orthanc.OrthancException("no key-value store")
        (cls.folder / store).mkdir(parents=True, exist_ok=True)
        return cls.folder / store

class _Iterator:
    def __init__(self, keys):
        self._left, self._key = sorted(keys), None
    def Next(self):
        self._key = self._left.pop(0) if self._left else None
        return self._key is not None
    def GetKey(self):
        return self._key

def _store(store, key, value):
    if not value:
        raise orthanc.OrthancException("Parameter out of range")
    (_Store.of(store) / key).write_bytes(value)

def _delete(store, key):
    (_Store.of(store) / key).unlink(missing_ok=True)

def _iterate(store):
    return _Iterator([file.name for file in _Store.of(store).iterdir()])

orthanc.StoreKeyValue, orthanc.DeleteKeyValue, orthanc.CreateKeysValuesIterator = _store, _delete, _iterate
"""
