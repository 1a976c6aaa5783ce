"""What would run and what it would cost, told from warehouse and files alone. Nothing is sent or written."""
