//! Whether a page fits a small phone in any language.

use chromiumoxide::cdp::browser_protocol::emulation::SetDeviceMetricsOverrideParams;
use serde_json::json;

use super::Tab;

/// Shows the page as it stands, then in a made-up language whose words are twice as long, both from left to right and
/// from right to left, then with its text twice as large (WCAG 2.2 section 1.4.4), and puts everything back. Answers with
/// what stood out of the screen.
const STANDS_OUT: &str = "(() => {
    const root = document.documentElement, direction = root.dir, texts = [], wide = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) texts.push([walker.currentNode, walker.currentNode.data]);
    const fields = [...document.querySelectorAll('input, textarea, [placeholder]')].map(f => [f, f.placeholder]);
    const measure = language => {
        if (root.scrollWidth <= root.clientWidth) return;
        const out = [...document.body.querySelectorAll('*')].filter(element => {
            const box = element.getBoundingClientRect();
            return box.width > 0 && (box.right > root.clientWidth + 1 || box.left < -1) && !element.children.length;
        });
        wide.push(language + ': ' + out.map(element => element.outerHTML.slice(0, 120)).join(' | '));
    };
    for (const dir of ['ltr', 'rtl']) { root.dir = dir; measure('as it is, ' + dir); }
    for (const [node, text] of texts) node.data = text.replace(/\\S+/g, word => word + word);
    for (const [field, text] of fields) if (text) field.placeholder = text + ' ' + text;
    for (const dir of ['ltr', 'rtl']) { root.dir = dir; measure('twice as long, ' + dir); }
    for (const [node, text] of texts) node.data = text;
    for (const [field, text] of fields) if (text) field.placeholder = text;
    root.dir = direction;
    root.style.fontSize = '200%';
    measure('text twice as large');
    root.style.fontSize = '';
    return wide;
})()";

impl Tab {
    /// Checks that the page is not wider than a phone of 320 CSS pixels (WCAG 2.2 section 1.4.10).
    pub(super) async fn assert_fits_longer_texts(&self, name: &str) {
        let phone = SetDeviceMetricsOverrideParams::new(320, 640, 1.0, true);
        self.page.execute(phone).await.unwrap();
        assert_eq!(self.evaluate(STANDS_OUT).await, json!([]), "{name} is wider than 320 px");
    }
}
