"""What lies on disk: music folders, their files and tags, and changes to them."""
