"""Where a request goes: which deployment, of those that may serve it, takes the next attempt.

    router      the one face of this room: match, pick, settle
    pool        a set of deployments that one request may choose from
    member      a deployment with its state, as pools hold it
    refusal     why there is nothing to pick, and how long it stays so
    strategies  LiteLLM's names for who of the usable is next:
    rotation    simple-shuffle, turns by weight
    lowest      least-busy, usage-based-routing, cost-based-routing
    fastest     latency-based-routing
    schedule    the order in which weights take turns
    dice        chance from a seed
    state       what is counted of one deployment, shared by all pools and kept over reloads
    health      closed, open, half-open: the rules
    window      the failure rate of the last half minute
    hold        the operator's word
    pace        how soon its answers begin
    quota       what it may be sent: its own limits, and what its answers say is left
    headroom    what is left, by the latest answer, less what was sent since
    ledger      what was sent in the last minute
    patterns    from the name a client asks to the group that serves it
    through     who serves requests that name no model
    affinity    which key project holds an object, and where a caller's next one belongs
    status      the view for the control room
    settings    the numbers

Nothing here waits or reads a clock: `now` is an argument, in seconds of any clock that only goes forward.
"""
