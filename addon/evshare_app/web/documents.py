"""Issued documents: a stored page or PDF, sent as it was made."""

from aiohttp import web

# The page carries its own style and nothing that runs; in a sandbox it could not if it did.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'; sandbox"
)


def html_document(html: str) -> web.Response:
    """Return a stored, complete page."""
    return web.Response(text=html, content_type="text/html", headers={"Content-Security-Policy": _POLICY})


def pdf_document(name: str, pdf: bytes) -> web.Response:
    """Return a PDF to keep; `name` has letters, digits and dashes only."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.pdf"'}
    return web.Response(body=pdf, content_type="application/pdf", headers=headers)
