"""Servers that speak as remote gateways must: to try things, and to read before writing one."""
