"""What `check` looks at across files and everything below, before anything runs.

`references` goes through the files of a project and asks the other modules, one for each question: do names have a file
(`file_names`), do rows provide what is named (`provided_columns`, `templates`), do prompts render (`trial_rendering`),
can the user's functions be called (`user_functions`, `chosen_metrics`), can gates decide (`declared_gates`), do
recorded files fit (`recorded_files`)? What is no reason not to run is in `remarks`.
"""
