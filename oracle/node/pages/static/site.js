// All pages work without this file. It adds comfort, and says so where a part of a page could not be brought up to date.
"use strict";
(() => {
  const refused = document.getElementById("refused");
  if (refused) refused.focus();

  const unanswered = document.getElementById("unanswered");
  if (!unanswered) return;
  for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.body.addEventListener(name, () => { unanswered.hidden = false; });
  }
  document.body.addEventListener("htmx:afterSwap", () => { unanswered.hidden = true; });
})();
