"""What a phone is called in the list of phones: which kind it is, and nothing that identifies it."""

from aiohttp import web

_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)
_BROWSERS = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))


def phone_label(request: web.Request) -> str:
    """Return a name made of the system and the browser a request names."""
    user_agent = request.headers.get("User-Agent", "")
    system = next((name for sign, name in _SYSTEMS if sign in user_agent), "Phone")
    browser = next((name for sign, name in _BROWSERS if sign in user_agent), "")
    return f"{system}, {browser}" if browser else system
