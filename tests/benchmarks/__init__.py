"""Measurements, beside peers in the same minute. Not run by pytest."""
