"use strict";
const settings = {settings};

// The page's client is public. The bundle sends an empty secret and a header that would need a CORS preflight.
function tidyTokenRequest(request) {
  const body = new URLSearchParams(typeof request.body === "string" ? request.body : "");
  if (body.get("grant_type") !== "authorization_code") return request;
  body.delete("client_secret");
  delete request.headers["X-Requested-With"];
  request.body = body.toString();
  return request;
}

// The window that signed in tells its answer here: `window.opener` is gone after a page of another origin that
// isolates itself (Cross-Origin-Opener-Policy).
new BroadcastChannel("oauth2-redirect").onmessage = ({ data }) => {
  const signIn = window.swaggerUIRedirectOauth2;
  const answer = new URLSearchParams(data);
  if (!signIn || !signIn.state || answer.get("state") !== signIn.state) return;
  if (answer.get("code")) {
    delete signIn.state;
    signIn.auth.code = answer.get("code");
    signIn.callback({ auth: signIn.auth, redirectUrl: signIn.redirectUrl });
  } else {
    const reason = [answer.get("error"), answer.get("error_description"), answer.get("error_uri")];
    signIn.errCb({ authId: signIn.auth.name, source: "auth", level: "error", message: reason.filter(Boolean).join(": ") });
  }
};

window.ui = SwaggerUIBundle({
  dom_id: "#ui",
  url: "/openapi.json",
  deepLinking: true,
  validatorUrl: null,
  oauth2RedirectUrl: new URL("/docs/oauth2-redirect.html", location.href).href,
  requestInterceptor: tidyTokenRequest,
});
if (settings.client_id) {
  window.ui.initOAuth({
    clientId: settings.client_id,
    scopes: settings.scopes,
    usePkceWithAuthorizationCodeGrant: true,
  });
}
