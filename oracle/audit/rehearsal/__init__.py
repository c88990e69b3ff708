"""The attacks on a deployment, tried with real transactions on a local copy of its chain."""

from oracle.audit.rehearsal.local_chain import forked, restored
from oracle.audit.rehearsal.rehearsal import Rehearsal, rehearse
from oracle.audit.rehearsal.table import ATTACKS, Attack

__all__ = ["ATTACKS", "Attack", "Rehearsal", "forked", "rehearse", "restored"]
