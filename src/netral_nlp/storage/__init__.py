"""Files that survive a kill or a power cut, and locks on them: what every command that writes for long needs."""
