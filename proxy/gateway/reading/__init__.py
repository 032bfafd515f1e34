"""What a request asks for: its route, its caller, as much of its body as routing needs."""
