"""What brings documents to the calls; each implements `optimizer.ports.Gateway`."""
