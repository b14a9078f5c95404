"""What residents are told, on its way out of the house: web push and e-mail."""
