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
    wish        what one request asks, and who stands behind it when it fails
    layout      who of a pool is usable for one sort of request
    state       what is counted of one deployment, shared by all pools and kept over reloads
    layers      hosts, keys, their models and kinds of request: what facts are true of
    learning    what an attempt teaches, and whom
    rules       how each sort of failure benches
    health      closed, open, half-open
    evidence    whether failures speak of the key's model or of who asked
    window      the failure rate of the last half minute
    hold        the operator's word
    pace        how soon its answers begin
    quota       what it may be sent by its own limits
    shares      whose the tokens are that are only expected
    prediction  what answers foretell, and trials of it
    headroom    what is left, by the latest answer, less what was sent since
    ledger      what was sent in the last minute
    patterns    from the name a client asks to the group that serves it
    through     who serves requests that name no model
    affinity    which key project holds an object, and where a caller's next one belongs
    status      the view for the control room
    settings    the numbers

Nothing here waits or reads a clock: `now` is an argument, in seconds of any clock that only goes forward.
"""
