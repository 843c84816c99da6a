"""Documents on their way to gateways: one form, signed, in a folder and over HTTP.

A document's file is at once a flag file of flagd: the route is a flag, its arms are the variants.
Nothing here needs more than the standard library; who signs or checks signatures loads
`cryptography` too.
"""
