"""Who may charge and who is told what: passkeys, cards, rules, guests, the waiting list, notices, disputes, roles."""

from alembic import op
import sqlalchemy as sa

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the tables, and what known ones lack."""
    op.create_table(
        "card",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("card_id", sa.String(length=32), nullable=False),
        sa.Column("resident_id", sa.String(length=64), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("blocked", sa.Integer(), nullable=False),
        sa.Column("weak", sa.Integer(), nullable=False),
        sa.Column("month_wh", sa.Integer(), nullable=True),
        sa.Column("quiet_json", sa.Text(), nullable=True),
        sa.Column("added_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("card_id", name=op.f("pk_card")),
    )
    op.create_table(
        "challenge",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("challenge_hash", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("device_id", sa.String(length=32), nullable=True),
        sa.Column("resident_id", sa.String(length=64), nullable=True),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("challenge_hash", name=op.f("pk_challenge")),
    )
    op.create_table(
        "office_person",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("ha_user_id", sa.String(length=64), nullable=True),
        sa.Column("invite_hash", sa.String(length=64), nullable=True),
        sa.Column("invite_expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("removed_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_office_person")),
        sa.UniqueConstraint("ha_user_id", name=op.f("uq_office_person_ha_user_id")),
        sa.UniqueConstraint("invite_hash", name=op.f("uq_office_person_invite_hash")),
    )
    op.create_table(
        "reach_check",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=255), nullable=False),
        sa.Column("checked_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_reach_check")),
    )
    op.create_table(
        "short_code",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("wrong_tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_short_code")),
    )
    op.create_table(
        "stall_tag",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("tag_id", sa.String(length=32), nullable=False),
        sa.Column("uid_mac", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=8), nullable=False),
        sa.Column("stall_id", sa.String(length=64), nullable=True),
        sa.Column("resident_id", sa.String(length=64), nullable=True),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("last_counter", sa.Integer(), nullable=False),
        sa.Column("added_ms", sa.BigInteger(), nullable=False),
        sa.Column("removed_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tag_id", name=op.f("pk_stall_tag")),
        sa.UniqueConstraint("uid_mac", name=op.f("uq_stall_tag_uid_mac")),
    )
    op.create_table(
        "card_tap",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("token_mac", sa.String(length=64), nullable=False),
        sa.Column("tag_id", sa.String(length=32), nullable=False),
        sa.Column("resident_id", sa.String(length=64), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("stall_id", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["resident_id"], ["resident.resident_id"], name=op.f("fk_card_tap_resident_id")),
        sa.ForeignKeyConstraint(["tag_id"], ["stall_tag.tag_id"], name=op.f("fk_card_tap_tag_id")),
        sa.PrimaryKeyConstraint("token_mac", name=op.f("pk_card_tap")),
    )
    op.create_table(
        "unknown_card",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("unknown_id", sa.String(length=32), nullable=False),
        sa.Column("stall_id", sa.String(length=64), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("tail", sa.String(length=2), nullable=False),
        sa.PrimaryKeyConstraint("unknown_id", name=op.f("pk_unknown_card")),
    )
    op.create_table(
        "guest_pass",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("pass_id", sa.String(length=32), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("resident_id", sa.String(length=64), nullable=False),
        sa.Column("payer", sa.String(length=8), nullable=False),
        sa.Column("stalls_json", sa.Text(), nullable=True),
        sa.Column("cap_wh", sa.Integer(), nullable=True),
        sa.Column("cap_minor", sa.Integer(), nullable=True),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("shows_host", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["resident_id"], ["resident.resident_id"], name=op.f("fk_guest_pass_resident_id")),
        sa.PrimaryKeyConstraint("pass_id", name=op.f("pk_guest_pass")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_guest_pass_token_hash")),
    )
    op.create_table(
        "notice",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("notice_id", sa.String(length=80), nullable=False),
        sa.Column("resident_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("body_json", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["resident_id"], ["resident.resident_id"], name=op.f("fk_notice_resident_id")),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_notice")),
    )
    op.create_index("ix_notice_resident", "notice", ["resident_id", "created_ms"], unique=False)
    op.create_table(
        "notice_choice",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("resident_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("push", sa.Integer(), nullable=False),
        sa.Column("email", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["resident_id"], ["resident.resident_id"], name=op.f("fk_notice_choice_resident_id")),
        sa.PrimaryKeyConstraint("resident_id", "kind", name=op.f("pk_notice_choice")),
    )
    op.create_table(
        "passkey",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("credential_id", sa.String(length=512), nullable=False),
        sa.Column("resident_id", sa.String(length=64), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.Integer(), nullable=False),
        sa.Column("backed_up", sa.Integer(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=True),
        sa.Column("doubtful_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["resident_id"], ["resident.resident_id"], name=op.f("fk_passkey_resident_id")),
        sa.PrimaryKeyConstraint("credential_id", name=op.f("pk_passkey")),
    )
    op.create_table(
        "resident_rule",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("resident_id", sa.String(length=64), nullable=False),
        sa.Column("stalls_json", sa.Text(), nullable=True),
        sa.Column("hours_json", sa.Text(), nullable=True),
        sa.Column("sessions", sa.Integer(), server_default="1", nullable=False),
        sa.Column("month_wh", sa.Integer(), nullable=True),
        sa.Column("month_minor", sa.Integer(), nullable=True),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["resident_id"], ["resident.resident_id"], name=op.f("fk_resident_rule_resident_id")),
        sa.PrimaryKeyConstraint("resident_id", name=op.f("pk_resident_rule")),
    )
    op.create_table(
        "waiting",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("waiting_id", sa.String(length=32), nullable=False),
        sa.Column("resident_id", sa.String(length=64), nullable=False),
        sa.Column("joined_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("stall_id", sa.String(length=64), nullable=True),
        sa.Column("offered_ms", sa.BigInteger(), nullable=True),
        sa.Column("until_ms", sa.BigInteger(), nullable=True),
        sa.Column("snoozed_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["resident_id"], ["resident.resident_id"], name=op.f("fk_waiting_resident_id")),
        sa.PrimaryKeyConstraint("waiting_id", name=op.f("pk_waiting")),
    )
    op.create_index("ix_waiting_state", "waiting", ["state", "joined_ms"], unique=False)
    op.create_table(
        "dispute",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("resident_id", sa.String(length=64), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("decided_ms", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.String(length=80), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["resident_id"], ["resident.resident_id"], name=op.f("fk_dispute_resident_id")),
        sa.ForeignKeyConstraint(["session_id"], ["session.session_id"], name=op.f("fk_dispute_session_id")),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_dispute")),
    )
    op.create_table(
        "guest_phone",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("guest_phone_id", sa.String(length=32), nullable=False),
        sa.Column("pass_id", sa.String(length=32), nullable=False),
        sa.Column("token_mac", sa.String(length=64), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["pass_id"], ["guest_pass.pass_id"], name=op.f("fk_guest_phone_pass_id")),
        sa.PrimaryKeyConstraint("guest_phone_id", name=op.f("pk_guest_phone")),
        sa.UniqueConstraint("token_mac", name=op.f("uq_guest_phone_token_mac")),
    )
    op.create_table(
        "notice_delivery",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("notice_id", sa.String(length=80), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_ms", sa.BigInteger(), nullable=False),
        sa.Column("sent_ms", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.notice_id"], name=op.f("fk_notice_delivery_notice_id")),
        sa.PrimaryKeyConstraint("notice_id", "channel", "target", name=op.f("pk_notice_delivery")),
    )
    op.create_table(
        "old_cookie",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("token_mac", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("replaced_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.device_id"], name=op.f("fk_old_cookie_device_id")),
        sa.PrimaryKeyConstraint("token_mac", name=op.f("pk_old_cookie")),
    )
    op.create_table(
        "push_subscription",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("endpoint_hash", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("resident_id", sa.String(length=64), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("p256dh", sa.String(length=128), nullable=False),
        sa.Column("auth", sa.String(length=64), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("failed_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["device.device_id"], name=op.f("fk_push_subscription_device_id")),
        sa.ForeignKeyConstraint(
            ["resident_id"], ["resident.resident_id"], name=op.f("fk_push_subscription_resident_id")
        ),
        sa.PrimaryKeyConstraint("endpoint_hash", name=op.f("pk_push_subscription")),
    )
    op.create_table(
        "guest_intent",
        sa.Column("building_id", sa.String(length=64), nullable=False),
        sa.Column("nonce_hash", sa.String(length=64), nullable=False),
        sa.Column("guest_phone_id", sa.String(length=32), nullable=False),
        sa.Column("pass_id", sa.String(length=32), nullable=False),
        sa.Column("stall_id", sa.String(length=64), nullable=False),
        sa.Column("plug_epoch", sa.Integer(), nullable=True),
        sa.Column("tariff_version", sa.String(length=64), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("response_json", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["guest_phone_id"], ["guest_phone.guest_phone_id"], name=op.f("fk_guest_intent_guest_phone_id")
        ),
        sa.ForeignKeyConstraint(["pass_id"], ["guest_pass.pass_id"], name=op.f("fk_guest_intent_pass_id")),
        sa.ForeignKeyConstraint(["stall_id"], ["stall.stall_id"], name=op.f("fk_guest_intent_stall_id")),
        sa.PrimaryKeyConstraint("nonce_hash", name=op.f("pk_guest_intent")),
        sa.UniqueConstraint("request_id", name=op.f("uq_guest_intent_request_id")),
    )
    op.add_column("building", sa.Column("contact", sa.Text(), nullable=True))
    op.add_column("device", sa.Column("token_ms", sa.BigInteger(), nullable=True))
    op.add_column("device", sa.Column("stepped_up_ms", sa.BigInteger(), nullable=True))
    op.add_column("device", sa.Column("revoked_why", sa.String(length=16), nullable=True))
    op.add_column("device", sa.Column("tapped_stall_id", sa.String(length=64), nullable=True))
    op.add_column("device", sa.Column("tapped_ms", sa.BigInteger(), nullable=True))
    op.add_column("office_session", sa.Column("role", sa.String(length=16), server_default="manager", nullable=False))
    op.add_column("office_session", sa.Column("person_id", sa.String(length=32), nullable=True))
    op.add_column("resident", sa.Column("moved_in_ms", sa.BigInteger(), nullable=True))
    op.add_column("resident", sa.Column("moves_out_ms", sa.BigInteger(), nullable=True))
    op.add_column("session", sa.Column("credential_id", sa.String(length=64), nullable=True))
    op.add_column("session", sa.Column("cap_wh", sa.Integer(), nullable=True))
    op.add_column("stall", sa.Column("card_reader", sa.Integer(), server_default="0", nullable=False))
    op.add_column("stall", sa.Column("phases", sa.Integer(), server_default="1", nullable=False))
    op.create_index("ix_record_kind", "record", ["kind", "at_ms"], unique=False)
