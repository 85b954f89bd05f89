"""Stands in for Razorpay, Stripe, PayPal and bKash: whatever is asked for is made, and its buyer has paid as soon as
somebody asks; whatever was paid is given back. Prints settings for a shop, and answers until it is killed."""
import itertools
import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

numbers = itertools.count(1)
made = {}


def keep(prefix, **members):
    name = f"{prefix}{next(numbers)}"
    made[name] = members
    return name


def razorpay(method, parts, body):
    match method, parts:
        case "POST", ["orders"]:
            name = keep("order_", **body)
            return {"id": name, "entity": "order", "amount": body["amount"], "currency": body["currency"], "status": "created"}
        case "GET", ["orders", order, "payments"]:
            return {"entity": "collection", "items": [razorpay_payment(order)]}
        case "GET", ["payments", payment]:
            return razorpay_payment(payment.replace("pay_", "order_"))
        case "POST", ["payments", payment, "refund"]:
            return {"id": keep("rfnd_"), "payment_id": payment, "amount": body["amount"], "currency": "BDT",
                    "receipt": body["receipt"], "status": "processed"}


def razorpay_payment(order):
    sums = {name: made[order][name] for name in ("amount", "currency")}
    return {"id": order.replace("order_", "pay_"), "order_id": order, "status": "captured", "method": "upi", **sums}


def stripe(method, parts, form):
    match method, parts:
        case "POST", ["payment_intents"]:
            name = keep("pi_", amount=int(form["amount"]), currency=form["currency"], payment=form["metadata[payment]"])
            return intent(name)
        case "POST", ["checkout", "sessions"]:
            price = "line_items[0][price_data]"
            name = keep("pi_", amount=int(form[f"{price}[unit_amount]"]), currency=form[f"{price}[currency]"],
                        payment=form["payment_intent_data[metadata][payment]"])
            session = name.replace("pi_", "cs_")
            return {"id": session, "status": "open", "payment_intent": name, "url": f"https://checkout.example/{session}"}
        case "GET", ["payment_intents", name]:
            return intent(name)
        case "GET", ["checkout", "sessions", session]:
            return {"id": session, "status": "complete", "payment_intent": session.replace("cs_", "pi_")}
        case "POST", ["refunds"]:
            return {"id": keep("re_"), "payment_intent": form["payment_intent"], "amount": int(form["amount"]),
                    "currency": "bdt", "status": "succeeded", "metadata": {"refund": form["metadata[refund]"]}}


def intent(name):
    about = made[name]
    return {"id": name, "object": "payment_intent", "amount": about["amount"], "amount_received": about["amount"],
            "currency": about["currency"], "status": "succeeded", "livemode": False, "client_secret": f"{name}_secret",
            "last_payment_error": None, "payment_method_types": ["card"], "metadata": {"payment": about["payment"]}}


def paypal(method, parts, body):
    match method, parts:
        case "POST", ["oauth2", "token"]:
            return {"access_token": "token", "token_type": "Bearer", "expires_in": 32400}
        case "POST", ["checkout", "orders"]:
            name = keep("PP", unit=body["purchase_units"][0])
            link = {"rel": "payer-action", "href": f"https://paypal.example/{name}", "method": "GET"}
            return {"id": name, "status": "PAYER_ACTION_REQUIRED", "purchase_units": [made[name]["unit"]], "links": [link]}
        case "GET", ["checkout", "orders", name]:
            return {"id": name, "status": "APPROVED", "purchase_units": [made[name]["unit"]]}
        case "POST", ["checkout", "orders", name, "capture"]:
            unit = made[name]["unit"]
            capture = {"id": name.replace("PP", "CA"), "status": "COMPLETED", "amount": unit["amount"]}
            return {"id": name, "status": "COMPLETED", "purchase_units": [{**unit, "payments": {"captures": [capture]}}]}
        case "POST", ["payments", "captures", _, "refund"]:
            return {"id": keep("RE"), "status": "COMPLETED", "amount": body["amount"], "custom_id": body["custom_id"]}


def bkash(method, parts, body):
    match method, parts:
        case "POST", ["token", "grant"]:
            return {"statusCode": "0000", "id_token": "token", "token_type": "Bearer", "expires_in": 3600}
        case "POST", ["create"]:
            name = keep("TR", amount=body["amount"], invoice=body["merchantInvoiceNumber"])
            return bkash_payment(name, "Initiated") | {"bkashURL": f"https://bkash.example/{name}"}
        case "POST", ["execute"] | ["payment", "status"]:
            return bkash_payment(body["paymentID"], "Completed") | {"trxID": body["paymentID"].replace("TR", "TX")}
        case "POST", ["payment", "refund"]:
            if "amount" not in body:
                return {"statusCode": "2071", "statusMessage": "Refund not found"}
            return {"statusCode": "0000", "refundTrxID": keep("RF"), "transactionStatus": "Completed",
                    "amount": body["amount"], "currency": "BDT"}


def bkash_payment(name, status):
    about = made[name]
    return {"statusCode": "0000", "paymentID": name, "transactionStatus": status, "amount": about["amount"],
            "currency": "BDT", "merchantInvoiceNumber": about["invoice"]}


class Bank(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.answer()

    def answer(self):
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        is_form = self.headers.get_content_type() == "application/x-www-form-urlencoded"
        body = dict(urllib.parse.parse_qsl(text)) if is_form else json.loads(text or "{}")
        parts = urllib.parse.unquote(self.path).strip("/").split("/")
        # Behind the version.
        parts = parts[3:] if parts[1:2] == ["tokenized"] else parts[1:]
        # What was not made here is not known here.
        try:
            said = self.server.bank(self.command, parts, body)
        except KeyError:
            said = None
        status, said = (200, said) if said else (404, {"error": {"code": "not_found"}})
        sent = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *_):
        pass


def main():
    banks = []
    for bank in (razorpay, stripe, paypal, bkash):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Bank)
        server.bank = bank
        banks.append(threading.Thread(target=server.serve_forever))
        print(f"{bank.__name__.upper()}_BASE_URL=http://127.0.0.1:{server.server_port}", flush=True)
    for bank in banks:
        bank.start()


if __name__ == "__main__":
    main()
