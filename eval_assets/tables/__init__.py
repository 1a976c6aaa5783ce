"""Every Delta schema, written out: the public surface. How tables are read and written is in `storage`."""
