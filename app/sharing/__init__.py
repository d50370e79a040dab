"""Stations and ids shared with the servers that people already have."""
