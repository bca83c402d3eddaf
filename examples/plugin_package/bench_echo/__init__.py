"""An example plugin: an echo state cell and a delay task."""
