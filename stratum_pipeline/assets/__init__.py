"""Dagster assets: thin; they call scan, store and lifecycle."""
