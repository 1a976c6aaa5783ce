"""Delta tables, stored replies, trace queries."""
