"""What requests and rows are made of; imports nothing but errors."""
