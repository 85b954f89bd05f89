"""Signs a few messages with the providers' own client libraries, for the tests to accept: one JSON object a line."""

import hmac
import json
import sys

import razorpay
import stripe

BODIES = ["{}", '{"event":"payment.captured"}', '{"id":"evt_1","note":"\u00e9\u4e2d\U0001f600"}', "x" * 70_000]
SECRETS = ["test_webhook_secret", "whsec_test", "\u00e9" * 40]


def razorpay_signature(body, secret):
    """The library only compares; what it compares with is its signature."""
    made, compare = [], hmac.compare_digest
    hmac.compare_digest = lambda ours, theirs: made.append(ours) or True
    try:
        client = razorpay.Client(auth=("key", secret))
        client.utility.verify_webhook_signature(body, "", secret)
    finally:
        hmac.compare_digest = compare
    return made[0]


with open(sys.argv[1], "w") as out:
    for body in BODIES:
        for secret in SECRETS:
            line = {"by": "razorpay", "secret": secret, "body": body, "signed": razorpay_signature(body, secret)}
            out.write(json.dumps(line) + "\n")
            header = stripe.WebhookSignature.generate_signature_header(body, secret, 1_700_000_000)
            out.write(json.dumps({"by": "stripe", "secret": secret, "body": body, "signed": header}) + "\n")
