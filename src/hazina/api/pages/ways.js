// Makes the log-in pages better where scripts run; without it they work as forms.
"use strict";

const text = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

/** The credential as JSON: by the browser's own words where it has them. */
function plain(credential) {
  if (typeof credential.toJSON === "function") return credential.toJSON();
  const response = { clientDataJSON: text(credential.response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"])
    if (credential.response[name]) response[name] = text(credential.response[name]);
  return { id: credential.id, rawId: text(credential.rawId), type: credential.type, clientExtensionResults: {}, response };
}

function send(form, fields) {
  for (const [name, value] of Object.entries(fields)) form.elements.namedItem(name).value = value;
  form.submit();
}

/** Passkeys: offered in the phone field by autofill, and by a button. */
async function withPasskey(form) {
  if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) return;
  form.hidden = false;
  let waiting = null;

  async function get(mediation) {
    waiting?.abort();
    waiting = new AbortController();
    const { publicKey } = await post("/auth/passkey/options", {});
    const options = PublicKeyCredential.parseRequestOptionsFromJSON(publicKey);
    const found = await navigator.credentials.get({ publicKey: options, mediation, signal: waiting.signal });
    send(form, { credential: JSON.stringify(plain(found)), new: "" });
  }

  async function make() {
    waiting?.abort();
    const { publicKey } = await post("/auth/passkey/register/options", { purpose: "register" });
    const options = PublicKeyCredential.parseCreationOptionsFromJSON(publicKey);
    const made = await navigator.credentials.create({ publicKey: options });
    send(form, { credential: JSON.stringify(plain(made)), new: "yes" });
  }

  const said = form.querySelector("[role=status]");
  const tell = (act) => (event) => {
    event.preventDefault();
    said.textContent = "";
    act().catch(() => { said.textContent = form.dataset.failed; });
  };
  form.querySelector("[data-act=get]").addEventListener("click", tell(() => get("optional")));
  form.querySelector("[data-act=make]").addEventListener("click", tell(make));
  if (await PublicKeyCredential.isConditionalMediationAvailable?.()) get("conditional").catch(() => {});
}

/** A Lightning wallet: goes on by itself once the wallet has answered. */
async function withWallet(form) {
  const id = form.elements.namedItem("handle").value;
  for (;;) {
    await new Promise((done) => setTimeout(done, 1500));
    const answer = await fetch(`/login/wallet/ready?id=${encodeURIComponent(id)}`).catch(() => null);
    if (answer?.status === 404) return;
    if (answer?.ok && (await answer.json()).ready) return form.submit();
  }
}

/** A Nostr key: the browser's extension signs (NIP-07). */
function withNostr(form) {
  const button = form.querySelector("[data-act=sign]");
  const field = form.elements.namedItem("event");
  const event = JSON.parse(form.dataset.event);
  setTimeout(() => {
    if (!window.nostr) return;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const signed = await window.nostr.signEvent(event).catch(() => null);
      if (signed) { field.value = JSON.stringify(signed); form.submit(); }
    });
  }, 200);
}

const on = { passkeys: withPasskey, wallet: withWallet, nostr: withNostr }; // window.nostr is the extension's
for (const form of document.querySelectorAll("form[data-way]")) on[form.dataset.way]?.(form);
