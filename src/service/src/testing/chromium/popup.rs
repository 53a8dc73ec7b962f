//! Drives a window that a page has opened.

use std::sync::Arc;

use tokio::time::{sleep, timeout};

use super::{PATIENCE, PAUSE, Tab};

impl Tab {
    /// The window that the page of this tab has opened last. Its complaints count as complaints of this tab.
    pub async fn popup(&self) -> Self {
        let opened = timeout(PATIENCE, async {
            loop {
                let pages = self.chromium.browser().pages().await.unwrap();
                let own =
                    |page: &&chromiumoxide::Page| page.opener_id().as_ref() == Some(self.page.target_id());
                if let Some(page) = pages.iter().rfind(own) {
                    return page.clone();
                }
                sleep(PAUSE).await;
            }
        });
        let Ok(page) = opened.await else { panic!("no window was opened; {}", self.scene().await) };
        let popup = Self {
            chromium: Arc::clone(&self.chromium),
            page,
            complaints: Arc::clone(&self.complaints),
            failures: Arc::clone(&self.failures),
        };
        popup.watch().await;
        popup
    }
}
