"""Weights of the Kubernetes Gateway API: HTTPRoute, and AIGatewayRoute of Envoy AI Gateway."""
