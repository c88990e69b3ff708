"""What a node does by itself: look at each filing again, renew it while all is well, stop it when it is not.

Begin with `judge` (what a look means), `look` (one filing), `cycle` (all that are due); `durable` runs for years.
"""
