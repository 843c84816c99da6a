"""`make demo-litellm`: the whole loop, live, around a real LiteLLM proxy with mocked models."""
