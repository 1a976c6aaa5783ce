"""Metrics that users write: `module:function`."""
