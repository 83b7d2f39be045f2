"""Faults on purpose: death, signals, hostile steps, full disks. Judged by a record kept outside."""
