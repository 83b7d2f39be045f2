"""One file for each place where attempts run."""
