"""What annotation tools export, read as tasks, and what becomes of them: one label a post."""
