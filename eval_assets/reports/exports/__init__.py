"""Tables of a report for spreadsheets and data frames: the ranked one, and all rows."""
