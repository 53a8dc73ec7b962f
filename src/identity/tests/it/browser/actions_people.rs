//! Actions of people who come new or come back without a password: see [`actions`](super::actions).

use postern_service::testing::chromium::in_chromium;

use super::{
    actions::Person,
    site::{Site, answered},
};

const CAROL: &str = "carol@example.test";
const PASSWORD: &str = "seven brass lamps upstream";
const ANOTHER: &str = "a violet tram in wet gravel";

#[test]
fn who_registers_reaches_the_first_app_by_six() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.asks("own", &[])).await;
        let person = Person::new(&site, tab);
        person.press("#login-register").await;
        person.fill("#email", CAROL).await;
        person.fill("#password", PASSWORD).await;
        person.press("#register-submit").await;
        person.press_mailed_link(CAROL).await;
        assert!(answered(tab).await.contains_key("code"));
        person.took(6);
    });
}

#[test]
fn a_forgotten_password_is_replaced_and_the_app_reached_by_six() {
    in_chromium(async |tab| {
        let site = Site::new().await;
        tab.goto(&site.asks("own", &[])).await;
        tab.type_into("#identifier", crate::fixtures::ALICE).await;
        tab.follow("#login-password").await;
        tab.sees("#password").await;
        // From the page that asks for what was forgotten. The address is not typed again.
        let person = Person::new(&site, tab);
        person.press("#forgot-password").await;
        person.press("#forgot-submit").await;
        person.press_mailed_link(crate::fixtures::ALICE).await;
        person.fill("#password", ANOTHER).await;
        person.press("#reset-submit").await;
        assert!(answered(tab).await.contains_key("code"));
        person.took(6);
    });
}
