"""The file format of a snapshot, and reading one."""
