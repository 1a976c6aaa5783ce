"""What several machines agree on in an object store: conditional writes, heartbeats, claims."""
