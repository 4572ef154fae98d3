"""/api/v1 for programs: the same rights and the same reading as the pages, as JSON."""
