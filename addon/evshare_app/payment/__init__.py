"""Payment: how statements are collected. The ledger says what is owed; a rail only moves the money.

What other rooms use:

- `standing.standing(conn, statement_id, now)` and `standing.standings(conn, now, account_id=None)`: how statements
  stand (`rail.Standing`: state, due, when the next try is due, why the customer is needed).
- `bank.record_transfer(conn, …)`: money arrived on the bank account.
- `stripe_rail.StripeRail(books, client_factory, clock)` with `stripe_client.create_client(key, session, api_base)`:
  `start_card_setup`, `start_checkout`, `collect`, `collect_open`, `poll`, `run`. All raise `rail.PaymentError`.
"""
