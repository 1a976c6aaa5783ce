"""What each model family and endpoint calls the parameters of a file, and which of them it doesn't take."""
