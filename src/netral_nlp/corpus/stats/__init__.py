"""What a set of posts is made of: figures as numbers, as tables for the terminal, and as one page."""
