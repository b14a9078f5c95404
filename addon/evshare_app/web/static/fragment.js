// Takes the single-use token from the address' fragment, which never reaches a server or its log, into the form.

const form = document.querySelector("form[data-fragment]");

function take() {
  const token = location.hash.slice(1);
  // `#content` is the page's own way past its head.
  if (!form || !token || token === "content") return;
  history.replaceState(null, "", location.pathname);
  const field = form.querySelector("input[name=token]");
  field.value = token;
  field.closest(".field").hidden = true;
  form.querySelector("[data-with-token]")?.removeAttribute("hidden");
  if (form.dataset.fragment === "send") form.requestSubmit();
}

take();
// Another link opened where this page already is: only the fragment changes.
addEventListener("hashchange", take);
