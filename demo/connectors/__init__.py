"""Wall connectors as they behave on the wire; each is electronics (pure, second by second) plus its protocol."""
