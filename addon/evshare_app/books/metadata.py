"""What all tables of the books have in common: one `MetaData`, names of constraints, and the building on every row."""

from sqlalchemy import Column, MetaData, String

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def building_column() -> Column[str]:
    """Return the column that says whose row it is."""
    return Column("building_id", String(64), nullable=False)
