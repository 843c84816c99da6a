"""Strategies and constraints: findings in, decisions out."""
