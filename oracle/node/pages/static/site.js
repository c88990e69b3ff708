// All pages work without this file. It adds comfort: the message of a refused form is read out at once.
"use strict";
(() => {
  const refused = document.getElementById("refused");
  if (refused) refused.focus();
})();
