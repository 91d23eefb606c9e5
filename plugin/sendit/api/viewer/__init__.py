"""Frames, headers and projects for reviewers: routes and pages."""
