"""Listeners that are told of events while a run goes on."""
