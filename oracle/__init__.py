"""Filing-gated token issuance: no token is minted outside a filing that a committee of oracle operators has attested.

Begin where your work begins:

* ``oracle.domain`` holds the things themselves: dossier, filing record, approval, identifiers and hashes;
* ``oracle.rules`` holds the eligibility rules, one function each, readable beside the regulation;
* ``oracle.node`` is the operator's service, ``oracle.collector`` the issuer's client;
* ``oracle.audit`` re-verifies all of it without trusting either;
* ``oracle.errors`` is the tree of everything that can go wrong, with what to do about it.

The command ``filing-gate`` (``oracle.cli``) opens every one of these doors.
"""

__version__ = "0.1.0"
