"""What is doubtful in a good workflow: a file for each kind of lint. Runs nothing."""
