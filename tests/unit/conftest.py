"""Laws are checked on examples, never on how long one took: a busy machine is no reason to fail."""

from hypothesis import settings

settings.register_profile("evshare", deadline=None)
settings.load_profile("evshare")
