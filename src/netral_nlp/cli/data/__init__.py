"""The commands of `netral data`."""
