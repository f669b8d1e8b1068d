"""The next posts to annotate: which ones teach most, never those that are held out, as a file that a tool opens."""
