"""Annotated posts."""
