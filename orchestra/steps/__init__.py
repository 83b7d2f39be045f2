"""One file for each kind of body: a step becomes an invocation."""
