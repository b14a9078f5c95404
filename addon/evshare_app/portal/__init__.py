"""The residents' door: what a phone sees behind a stall's QR code, and a resident's own pages."""
