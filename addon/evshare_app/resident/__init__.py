"""Residents as the app knows them: their accounts, phones, invitations and the intents to start a session."""
