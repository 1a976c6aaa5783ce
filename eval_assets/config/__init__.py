"""The files users edit, validated."""
