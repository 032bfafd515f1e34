"""Where a request goes: which deployment, of those that may serve it, takes the next attempt.

    router      the one face of this room: match, pick, settle
    pool        a set of deployments that one request may choose from
    schedule    the order in which weights take turns
    state       what is counted of one deployment, shared by all pools and kept over reloads
    health      closed, open, half-open: the rules
    window      the failure rate of the last half minute
    patterns    from the name a client asks to the group that serves it
    affinity    which key project holds an object, and where a caller's next one belongs
    status      the view for the control room
    settings    the numbers

Nothing here waits or reads a clock: `now` is an argument, in seconds of any clock that only goes forward.
"""
