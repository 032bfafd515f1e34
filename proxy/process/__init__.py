"""What keeps processes alive and tells them things: forked, watched, replaced, told of reloads and orders."""
