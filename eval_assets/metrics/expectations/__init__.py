"""What each row expects of its own output: the forms in which rows say it, and the metric that looks."""
