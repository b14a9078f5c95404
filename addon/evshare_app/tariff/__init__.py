"""Tariffs as OCPI Tariff objects, rating, and charge detail records."""
