"""Starting a project from a table: what its columns are, what is doubtful in it, and the files that are written."""
