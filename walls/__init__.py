"""What the architecture forbids, checked by machine: who may import whom (``importlinter.toml``, ``doors``),
what each kind of function may touch (``kinds``), how long things may get (``sizes``).
"""
