"""Replies of providers: journals, locks, lookup, retention, budgets that processes share."""
