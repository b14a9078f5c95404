// Takes the single-use token from the address' fragment, which never reaches a server or its log, into the form.

const form = document.querySelector("form[data-fragment]");
const token = location.hash.slice(1);
if (form && token) {
  history.replaceState(null, "", location.pathname);
  const field = form.querySelector("input[name=token]");
  field.value = token;
  field.closest(".field").hidden = true;
  form.querySelector("[data-with-token]")?.removeAttribute("hidden");
  if (form.dataset.fragment === "send") form.requestSubmit();
}
