"""What our HTML pages have in common: one file each, no network, light and dark, wide and narrow screens."""
