"""What leaves the books as files: a resident's own, and everything for the owners and their auditor."""
