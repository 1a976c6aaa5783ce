"""What data must be like, checked with Great Expectations. Which asset is checked when is in `checks`."""
