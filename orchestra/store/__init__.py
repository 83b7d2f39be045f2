"""Append the events of runs, read them back."""
