"""How soon after its client's leaving a request is over: at random moments of every phase, through both doors."""
