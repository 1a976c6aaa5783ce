"""A report as text, tables, files and pages."""
