"""Checks of `sendit doctor`."""
