"""Scenarios written as functions: tasks, the user object, its requests."""
