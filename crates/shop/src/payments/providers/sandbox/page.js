"use strict";
// Shows the payment whose reference is the last part of this page's path, and sends what is chosen.
const reference = location.pathname.split("/").filter(Boolean).pop();
const address = "/api/v1/payments/sandbox/" + encodeURIComponent(reference) + "/";
const state = document.getElementById("state");

async function show(answer) {
  const body = await answer.json();
  state.textContent = answer.ok
    ? `${body.amount} ${body.currency}: ${body.status}, captured ${body.captured}`
    : body.detail || body.title;
}

for (const button of document.querySelectorAll("button")) {
  button.addEventListener("click", () =>
    fetch(address, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ outcome: button.value }),
    }).then(show),
  );
}
fetch(address).then(show);
