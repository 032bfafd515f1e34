"""Who pays for a request, how much it may cost them, and what it did: reserved before it is sent, settled after.

plans       which limits hold for a caller's request
estimate    what a request may cost
accounts    reserve, wait, settle
refusals    how a client is told that a limit is reached
lines       how an answer tells what is left
"""
