"""How right a model is, with intervals."""
