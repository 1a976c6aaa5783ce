"""Alerts: what changed in what evaluations show, told once, by webhook or command."""
