"""What a reply is: its text, thoughts and calls, how it ended, what it used. Fetching it is in `clients`."""
