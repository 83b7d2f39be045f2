"""A run's record or a plan as text or data."""
