"""LiteLLM steered by its admin API: an arm is a deployment, a share its weight."""
