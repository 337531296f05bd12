"""Migrations of the database, one module a step."""
