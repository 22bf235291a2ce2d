// A sign-up form: before it is sent, the browser finds a number whose hash begins with so many zero bits.
(() => {
  const form = document.querySelector("[data-challenge]");
  if (!form || !crypto.subtle) return; // without, the server takes the form now and then
  const { challenge, bits } = form.dataset;
  const words = new TextEncoder();
  const AT_ONCE = 256;

  const zeros = (hash) => {
    const first = new DataView(hash).getUint32(0);
    return first >>> (32 - Number(bits)) === 0;
  };

  const solve = async () => {
    for (let start = 0; ; start += AT_ONCE) {
      const numbers = Array.from({ length: AT_ONCE }, (_, step) => start + step);
      const hashes = await Promise.all(
        numbers.map((number) => crypto.subtle.digest("SHA-256", words.encode(`${challenge}:${number}`))),
      );
      const found = hashes.findIndex(zeros);
      if (found >= 0) return start + found;
    }
  };

  // Begun when somebody begins to type: mostly done before they have ended.
  let solution;
  const begin = () =>
    (solution ??= solve().then((number) => {
      form.elements.nonce.value = number;
    }));
  form.addEventListener("focusin", begin, { once: true });
  form.addEventListener("submit", (event) => {
    if (form.elements.nonce.value) return;
    event.preventDefault();
    const button = event.submitter;
    if (button) button.disabled = true;
    begin().then(() => {
      if (button) button.disabled = false;
      setTimeout(() => form.requestSubmit(button)); // not while this event is under way
    });
  });
})();
