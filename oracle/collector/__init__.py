"""The issuer's half of the protocol: ask all nodes at once, count only what verifies, stop at the threshold."""
