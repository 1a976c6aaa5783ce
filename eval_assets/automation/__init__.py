"""Conditions, sensors, schedules and backfills."""
