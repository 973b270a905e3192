"""Local stand-ins for the outside world: small servers that speak the providers' own protocols, with
real invoices, keys and macaroons, and faults on request. A process of its own with its own file, so
that it outlives a bank that is killed. Only for this machine: it answers nobody else.

``/lnd`` is the bank's Lightning node, ``/twilio`` takes text messages, ``/exchange`` quotes a price,
and ``/sandbox/api`` is the control panel of it all.
"""
