"""The deterministic simulation: the whole gateway in a world of its own, where a seed decides everything.

clock      virtual time, which moves only when nothing can run;  actors: whoever acts in it without being a task
sockets    pairs of sockets in memory;  poller: their epoll;  network: who reaches whom, and how fast
answers    what upstreams say, and the truth about it;  faults: what goes wrong with it;  upstreams: who says it
asking     what clients want;  reading: what they read;  clients: how they behave
plan       all that a seed decides, made by scenario;  play: one seed from beginning to end
story      what happened, told by the world and not by the gateway;  judges: whether it may happen
farm       many seeds in several processes
"""
