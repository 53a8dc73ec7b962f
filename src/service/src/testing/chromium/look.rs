//! Checks how a page looks: in every size and colour scheme, to axe-core, and on a small phone in any language.

use std::{env, fs, path::PathBuf};

use chromiumoxide::{
    cdp::browser_protocol::emulation::{MediaFeature, SetDeviceMetricsOverrideParams},
    page::ScreenshotParams,
};
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
    async fn assert_fits_longer_texts(&self, name: &str) {
        let phone = SetDeviceMetricsOverrideParams::new(320, 640, 1.0, true);
        self.page.execute(phone).await.unwrap();
        assert_eq!(self.evaluate(STANDS_OUT).await, json!([]), "{name} is wider than 320 px");
    }

    /// Runs axe-core if `POSTERN_AXE` names it. axe-core is never part of the product.
    async fn assert_accessible(&self, name: &str) {
        let Some(path) = env::var_os("POSTERN_AXE") else {
            eprintln!("accessibility was not checked: POSTERN_AXE names no axe.min.js");
            return;
        };
        let axe = fs::read_to_string(&path)
            .unwrap_or_else(|cause| panic!("POSTERN_AXE {}: {cause}", path.display()));
        let script = "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})\
            .then(found => found.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' ')))";
        let found = self.evaluate(&format!("{axe};\n{script}")).await;
        assert_eq!(found, json!([]), "{name}");
    }

    /// Checks the page in every size and colour scheme: it is accessible, is not wider than the screen, also where
    /// its texts are twice as long or as large, and is saved as an image in the folder `POSTERN_SCREENSHOTS`, if that is
    /// set. All suites use the same folder, so `name` must be unique among them.
    pub async fn look(&self, name: &str) {
        self.assert_fits_longer_texts(name).await;
        for (device, width, height) in [("phone", 390, 844), ("desktop", 1280, 800)] {
            let metrics = SetDeviceMetricsOverrideParams::new(width, height, 1.0, device == "phone");
            self.page.execute(metrics).await.unwrap();
            for scheme in ["light", "dark"] {
                let colours = MediaFeature::new("prefers-color-scheme", scheme);
                // Without this an image may show a colour in the middle of a transition.
                let motion = MediaFeature::new("prefers-reduced-motion", "reduce");
                self.page.emulate_media_features(vec![colours, motion]).await.unwrap();
                self.assert_accessible(name).await;
                let overflows = "document.documentElement.scrollWidth > document.documentElement.clientWidth";
                assert_eq!(self.evaluate(overflows).await, false, "{name} is wider than a {device}");
                if let Some(folder) = env::var_os("POSTERN_SCREENSHOTS") {
                    let file = PathBuf::from(folder).join(format!("{name}-{device}-{scheme}.png"));
                    self.page.save_screenshot(ScreenshotParams::default(), file).await.unwrap();
                }
            }
        }
    }
}
