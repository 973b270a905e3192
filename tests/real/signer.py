"""A signer of another library (BDK), whose keys the bank never sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bdkpython as bdk  # type: ignore[import-untyped]  # the package ships no types

NETWORK = bdk.NetworkKind.TEST
BRANCHES = (bdk.KeychainKind.EXTERNAL, bdk.KeychainKind.INTERNAL)
LOOKED_AHEAD = 20


@dataclass(frozen=True, slots=True)
class Signer:
    public: str
    """The descriptor for the bank, without checksum."""
    wallet: Any

    @classmethod
    def of(cls, kind: str) -> Signer:
        """One key: ``wpkh`` or ``tr``."""
        secret = bdk.DescriptorSecretKey(NETWORK, bdk.Mnemonic(bdk.WordCount.WORDS12), None)
        make = {"wpkh": bdk.Descriptor.new_bip84, "tr": bdk.Descriptor.new_bip86}[kind]
        receive, change = (make(secret, branch, NETWORK) for branch in BRANCHES)
        wallet = bdk.Wallet(receive, change, bdk.Network.REGTEST, bdk.Persister.new_in_memory())
        return cls(str(receive).split("#")[0].replace("/0/*", "/<0;1>/*"), wallet)

    @property
    def descriptor(self) -> str:
        """With the checksum that this library computes."""
        return str(bdk.Descriptor(self.public, NETWORK))

    def sign(self, psbt: str) -> str:
        """Off line, with what stands in the PSBT alone."""
        read = bdk.Psbt(psbt)
        for branch in BRANCHES:
            self.wallet.reveal_addresses_to(branch, LOOKED_AHEAD)
        self.wallet.sign(read, None)
        return str(read.serialize())
