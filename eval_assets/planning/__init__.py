"""What would run and what it would cost, told from the warehouse and the files alone. Nothing is sent, nothing written."""
