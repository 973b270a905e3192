"""WHK-02: how deliveries are signed, and when they are tried again."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from hazina.webhooks import Policy, flash_signature, headers, new_secret, signature, wait

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the standard's own example
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
BODY = b'{"test": 2432232314}'
DAY_S = 86_400


def test_whk_02_the_standards_vector() -> None:
    assert signature(SECRET, ID, 1_614_265_330, BODY) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_headers_of_a_call() -> None:
    at, old = datetime.fromtimestamp(1_614_265_330.25, UTC), new_secret()
    fields = headers([SECRET, old], ID, at, BODY)
    assert (fields["webhook-id"], fields["webhook-timestamp"]) == (ID, "1614265330")
    assert fields["webhook-signature"].split() == [signature(one, ID, 1_614_265_330, BODY) for one in (SECRET, old)]
    assert fields["svix-signature"] == fields["webhook-signature"]
    told = f"{fields['x-flash-timestamp']}.".encode() + BODY
    assert fields["x-flash-timestamp"] == "1614265330250"
    assert fields["x-flash-signature"] == hmac.new(SECRET.encode(), told, sha256).hexdigest()
    assert fields["x-flash-signature"] == flash_signature(SECRET, 1_614_265_330_250, BODY)


def test_without_a_secret_nothing_is_signed() -> None:
    assert set(headers([], ID, datetime.now(UTC), BODY)) == {"content-type", "webhook-id", "webhook-timestamp"}


def test_the_example_for_developers_verifies() -> None:
    text = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
    said: dict[str, Any] = {}
    exec(text.split("```python\n")[1].split("```")[0], said)
    now, secret, old = datetime.now(UTC), new_secret(), new_secret()
    fields = dict(headers([secret, old], ID, now, BODY))
    verified = said["verified"]
    assert verified(secret, fields, BODY) and verified(old, fields, BODY)
    assert not verified(new_secret(), fields, BODY) and not verified(secret, fields, BODY + b" ")
    late = dict(headers([secret], ID, now - timedelta(minutes=6), BODY))
    assert not verified(secret, late, BODY)


def test_secrets_are_long_and_new() -> None:
    assert len(new_secret()) == len("whsec_") + 44 and new_secret() != new_secret()


def test_whk_02_retries_take_a_day_and_end() -> None:
    policy, total, failures = Policy(), timedelta(0), 1
    while (gap := wait(policy, failures, False, 500, None, 0.5)) is not None:
        total, failures = total + gap, failures + 1
    assert timedelta(hours=20) < total < timedelta(hours=30) and failures == len(policy.gaps_s) + 1


def test_retries_are_spread() -> None:
    policy = Policy()
    low, high = (wait(policy, 3, False, None, None, chance) for chance in (0.0, 1.0))
    assert low is not None and high is not None
    assert low.total_seconds() == 240 and high.total_seconds() == 360


def test_whoever_says_when_is_heard_within_bounds() -> None:
    policy = Policy()
    assert wait(policy, 1, False, 429, 600, 0.5) == timedelta(seconds=600)
    assert wait(policy, 1, False, 429, 10**8, 0.5) == timedelta(seconds=policy.retry_after_max_s)
    assert wait(policy, 3, False, 503, 1, 0.5) == timedelta(seconds=300)
    assert wait(policy, 1, False, 500, 600, 0.5) == timedelta(seconds=5)


def test_endpoints_of_single_invoices_are_tried_every_five_minutes() -> None:
    gaps = [wait(Policy(), failures, True, None, None, 0.5) for failures in (1, 2, 288, 289)]
    assert gaps == [timedelta(seconds=300)] * 3 + [None]
