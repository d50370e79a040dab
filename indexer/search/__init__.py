"""Answers from one snapshot, exactly."""
