"""The ground both web doors stand on: who may open what, limits, headers, templates."""
