"""Stations: saved questions that players subscribe to."""
