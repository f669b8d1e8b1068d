"""What would spoil a training: one report on labelled posts, with files and row numbers, never with their text."""
