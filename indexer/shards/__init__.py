"""A catalogue searched in parts: how its tracks part, and how the answers of all parts are one."""

MOST_SHARDS = 4096
