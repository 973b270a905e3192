"""The surfaces of the bank: GraphQL over HTTP and websockets, log-in over REST, the web app's files.

``asgi.asgi`` mounts them; health, limits on requests and security headers lie around it (``server``).
Nothing is imported here: the sandbox's process uses the server without the bank.
"""
