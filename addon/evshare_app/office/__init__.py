"""The manager's door: the building today, its residents, stalls, tariff, months and books."""
