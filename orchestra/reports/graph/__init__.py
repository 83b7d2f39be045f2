"""Graphs of runs and plans as pictures: grouped, laid out and drawn here, by no other program."""
