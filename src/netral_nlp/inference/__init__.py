"""From texts to labels: the classifier, its model folder and its backends."""
