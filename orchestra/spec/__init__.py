"""Text to Workflow: read, validate, load, with positions."""
