"""The commands of `circumplex`, by what they do."""
