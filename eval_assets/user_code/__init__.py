"""Code of the user that files name as `module:function`: where it lies, whether it may be named, and loading it."""
