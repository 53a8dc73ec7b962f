"use strict";
new BroadcastChannel("oauth2-redirect").postMessage(location.search.slice(1));
history.replaceState(null, "", location.pathname);
window.close();
