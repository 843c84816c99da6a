"""Pages: one HTML file each, whole in itself, without scripts and without the network."""
