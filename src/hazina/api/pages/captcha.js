// GeeTest's captcha on the log-in page, drawn by GeeTest's own script; its answer goes with the form.
"use strict";

async function draw(place) {
  const headers = { "content-type": "application/json" };
  const answer = await fetch("/auth/phone/captcha", { method: "POST", headers, body: "{}" });
  const { result } = await answer.json();
  const given = {
    gt: result.id,
    challenge: result.challengeCode,
    offline: result.failbackMode,
    new_captcha: result.newCaptcha,
    product: "popup",
    lang: "en",
    width: "100%",
  };
  window.initGeetest(given, (widget) => {
    widget.appendTo(place);
    widget.onSuccess(() => {
      const solved = widget.getValidate();
      const { elements } = place.closest("form");
      for (const name of ["challenge", "validate", "seccode"])
        elements.namedItem(`captcha_${name}`).value = solved[`geetest_${name}`];
    });
  });
}

for (const place of document.querySelectorAll("[data-geetest]")) draw(place).catch(console.warn);
