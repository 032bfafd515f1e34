"""How requests get to providers: httpx, for threads, asyncio and trio alike."""
