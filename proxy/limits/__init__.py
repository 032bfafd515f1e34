"""How much each key, user, team, customer and tag may have, and has had: exact, for all workers of a machine. Pure.

values      what is asked, and what is said to it
subjects    who it is counted for, as digests
layout      where each number lies in the memory that is handed in
journal     writes of which all are done or none, whoever dies meanwhile
minute      what was counted in the last minute
table       which row is whose
ledger      reserve, settle, give back
"""
