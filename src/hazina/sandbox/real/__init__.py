"""Real programs in place of stand-ins: bitcoind and Lightning nodes on a private regtest, started as
children of the sandbox, kept in its folder, and driven by the same control panel.
"""
