"""An index of entities in Datastore."""
