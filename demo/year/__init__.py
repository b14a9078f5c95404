"""A year of a building that was never built: who lives there, what their cars drew, and what every meter then shows.

It knows nothing of the product. From a seed it makes the physics, the link's records that a box in the building would
send, and afterwards it audits the books' file against its own registers.
"""
