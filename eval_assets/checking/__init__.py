"""What `check` looks at across files and everything below, before anything runs."""
