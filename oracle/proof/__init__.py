"""A store of evidence proven from its bytes: what `audit` checks of it, every observation parsed again, time stamps."""
