"""Everything that is known of the library's emotions, as files that other programs read."""
