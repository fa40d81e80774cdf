"""How fast an incident is found among a million open reports, what they take, and how soon they are there again."""
