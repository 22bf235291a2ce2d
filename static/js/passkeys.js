// Asks for a passkey where a form has data-passkey; the form sends the authenticator's answer.
(() => {
  "use strict";

  const options = async (form) => {
    const given = document.getElementById("passkey-options");
    if (given) return JSON.parse(given.textContent);
    const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`The options could not be read: ${answer.status}`);
    return answer.json();
  };

  const create = (asked, alone) => {
    const selection = asked.publicKey.authenticatorSelection;
    selection.residentKey = alone ? "required" : "discouraged";
    selection.requireResidentKey = alone;
    if (alone) selection.userVerification = "required";
    return window.webauthnJSON.create(asked);
  };

  const ask = async (form) => {
    const found = await options(form);
    const credential = found.creation_options
      ? await create(found.creation_options, form.elements.passwordless?.checked ?? false)
      : await window.webauthnJSON.get(found.request_options);
    form.elements.credential.value = JSON.stringify(credential);
    form.submit();
  };

  if (!window.PublicKeyCredential || !window.webauthnJSON) {
    for (const words of document.querySelectorAll("[data-no-passkeys]")) words.hidden = false;
    return;
  }
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const problem = form.querySelector("[data-passkey-problem]");
      problem.hidden = true;
      try {
        await ask(form);
      } catch (error) {
        console.warn(error);
        problem.hidden = false;
      }
    });
  }
})();
