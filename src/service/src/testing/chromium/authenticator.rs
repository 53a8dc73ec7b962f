//! A virtual authenticator, which keeps passkeys.

use chromiumoxide::cdp::browser_protocol::web_authn::{
    AddVirtualAuthenticatorParams, AuthenticatorId, AuthenticatorProtocol, AuthenticatorTransport,
    EnableParams, GetCredentialsParams, SetAutomaticPresenceSimulationParams, VirtualAuthenticatorOptions,
};
use tokio::time::{sleep, timeout};

use super::{PATIENCE, PAUSE, Tab};

impl Tab {
    /// Adds a virtual authenticator (WebAuthn) that stores passkeys and verifies its user. It waits for a
    /// touch.
    pub async fn plug_in_authenticator(&self) -> AuthenticatorId {
        self.page.execute(EnableParams::default()).await.unwrap();
        let mut options =
            VirtualAuthenticatorOptions::new(AuthenticatorProtocol::Ctap2, AuthenticatorTransport::Internal);
        options.has_resident_key = Some(true);
        options.has_user_verification = Some(true);
        options.is_user_verified = Some(true);
        options.automatic_presence_simulation = Some(false);
        let added = self.page.execute(AddVirtualAuthenticatorParams::new(options)).await.unwrap();
        added.result.authenticator_id.clone()
    }

    /// Sets whether the user touches the authenticator at each request.
    pub async fn touches(&self, authenticator: &AuthenticatorId, touches: bool) {
        let touches = SetAutomaticPresenceSimulationParams::new(authenticator.clone(), touches);
        self.page.execute(touches).await.unwrap();
    }

    /// Waits until an authenticator has these passkeys: the name and the display name of each. Their order does not count.
    pub async fn keeps(&self, authenticator: &AuthenticatorId, expected: &[(&str, &str)]) {
        let mut last = Vec::new();
        let reached = timeout(PATIENCE, async {
            loop {
                let kept = GetCredentialsParams::new(authenticator.clone());
                let kept = self.page.execute(kept).await.unwrap().result.credentials;
                last = kept
                    .into_iter()
                    .map(|kept| {
                        (kept.user_name.unwrap_or_default(), kept.user_display_name.unwrap_or_default())
                    })
                    .collect();
                last.sort();
                if last
                    .iter()
                    .map(|(name, shown)| (name.as_str(), shown.as_str()))
                    .eq(expected.iter().copied())
                {
                    return;
                }
                sleep(PAUSE).await;
            }
        });
        assert!(reached.await.is_ok(), "passkeys {last:?} instead of {expected:?}");
    }
}
