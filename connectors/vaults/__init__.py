"""Vaults that implement ports.Vault."""
