"""Scenarios compiled to the scripts that users are stepped through."""
