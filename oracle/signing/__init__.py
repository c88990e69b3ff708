"""EIP-712 digests of what operators sign, and the keys that sign them.

Begin with `eip712.Domain`, `eip712.approval_digest`, `keys.Signer` and `recovery.recover`.
"""
