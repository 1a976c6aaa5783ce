"""How rows stand in files of each kind, and the values they may hold."""
