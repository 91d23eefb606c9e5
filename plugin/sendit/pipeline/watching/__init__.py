"""Sees to it that nothing is missed: events of Orthanc, and the sweep for what had none."""
