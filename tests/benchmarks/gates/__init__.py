"""Many rollouts at once, each on its own traffic: what the figures of the gates rest on."""
