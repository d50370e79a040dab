"""Reading foreign files in processes of their own, under limits of memory and time."""
