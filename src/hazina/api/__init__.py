"""The surfaces of the bank: GraphQL over HTTP and websockets, log-in over REST, the web app's files.

``asgi`` mounts them. Health, limits on requests and security headers lie around it (``server.py``).
"""

from hazina.api.asgi import asgi

__all__ = ["asgi"]
