"""A store of evidence proven: see `oracle.audit.evidence_check`, where an auditor without a node needs it too."""

from oracle.audit.evidence_check import Sighting, StampTerms, StoreProof, prove_store

__all__ = ["Sighting", "StampTerms", "StoreProof", "prove_store"]
