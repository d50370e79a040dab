"""What every request passes: headers, limits, keys, documentation."""
