"""JSON schemas of the files users edit, for editors, and the copies of them that a project keeps."""
