"""The command line: the only part that joins the others and words errors."""
