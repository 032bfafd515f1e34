"""One worker, wired and serving.

work serving background       the process: signals, reloads, the loop, the end
assembly                      its gateway: what it keeps, what a reload exchanges, two doors
reaching kept shares holds    what a reload keeps: sockets, memory, what requests share, the operator's word
parts plant pages settings    what a reload makes anew: deployments, pipelines, pages, each part's own settings
keeping register spending     the state file's ends: rows, keys, money
telemetry sinks reporting     what is told of it
trial                         whether a configuration can be built at all
"""
