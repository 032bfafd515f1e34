"""The deterministic simulation: the whole gateway in a world of its own, where a seed decides everything.

clock      virtual time, which moves only when nothing can run;  actors: whoever acts in it without being a task
seeding    every clock and every chance made the seed's;  sweeping: the reactor's sweeps on the calendar
sockets    pairs of sockets in memory;  poller: their epoll;  network: who reaches whom, and how fast
answers    what upstreams say, well or badly, and the truth about it;  upstreams: who says it
clients    how they behave;  reading: what they read
plan       all that a seed decides; made by scenario, with settings (the configuration) and crowd (the clients)
play       one seed from beginning to end;  recording: which record is of which request
story      what happened, told by the world and not by the gateway;  judges: whether it may happen
platforms  upstreams that answer by what is true of host, key, model and kind of request;  hostile: a caller to fear
interference: a seed with and without it, and nobody else may come off worse
farm       many seeds in several processes
"""
