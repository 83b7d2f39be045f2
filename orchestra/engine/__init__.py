"""Workflow to events: plan, decide, drive. Standard library only."""
