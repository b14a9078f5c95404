// Lets the browser make or show a passkey, and sends its answer with the form the button is in.
//
// button[data-passkey=create|get] stands in a form with a field `credential`; [data-challenge] around it names where a
// challenge is asked for. Pages work without this file: what needs a passkey is shown only when the browser has them.

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

async function challenge(address, csrf) {
  const answer = await fetch(address, { method: "POST", body: new URLSearchParams(csrf ? { csrf } : {}) });
  if (!answer.ok) throw new Error(String(answer.status));
  const options = await answer.json();
  options.challenge = bytes(options.challenge);
  if (options.user) options.user.id = bytes(options.user.id);
  for (const list of ["excludeCredentials", "allowCredentials"]) {
    for (const one of options[list] ?? []) one.id = bytes(one.id);
  }
  return options;
}

function answered(credential) {
  const said = { id: credential.id, rawId: text(credential.rawId), type: credential.type, response: {} };
  for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[part]) said.response[part] = text(credential.response[part]);
  }
  return JSON.stringify(said);
}

// A form of its own: the page may have renewed itself while the phone asked for a finger.
function send(action, fields) {
  const form = document.createElement("form");
  form.method = "post";
  form.action = action;
  form.hidden = true;
  for (const [name, value] of fields) {
    const input = document.createElement("input");
    input.type = "hidden";
    input.name = name;
    input.value = value;
    form.append(input);
  }
  document.body.append(form);
  form.submit();
}

async function use(button) {
  const form = button.form;
  const address = button.closest("[data-challenge]").dataset.challenge;
  const fields = new FormData(form);
  const publicKey = await challenge(address, fields.get("csrf"));
  const credential = await navigator.credentials[button.dataset.passkey]({ publicKey });
  fields.set("credential", answered(credential));
  send(form.action, fields);
}

if (window.PublicKeyCredential) {
  document.documentElement.dataset.passkeys = "";
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-passkey]");
    if (!button || button.disabled) return;
    const problem = button.closest("[data-challenge]").querySelector("[data-passkey-problem]");
    problem.hidden = true;
    button.disabled = true;
    try {
      await use(button);
    } catch {
      problem.hidden = false;
      button.disabled = false;
    }
  });
}
