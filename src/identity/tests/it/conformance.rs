//! Names the modules of the OpenID Foundation's conformance suite that this provider passes, and holds that each is
//! covered by a test of ours: the test carries the module's name in an attribute, `#[doc(alias = "oidcc-server")]`.

use std::{collections::BTreeMap, fs, path::Path};

/// The plans "Config", "Basic" and "Form Post Basic" with static clients. The last one runs the modules of "Basic" with
/// another response mode, which is a module of its own here: `FORM_POST`.
const SIGN_IN: [&str; 37] = [
    "oidcc-discovery-endpoint-verification",
    "oidcc-server",
    "oidcc-response-type-missing",
    "oidcc-userinfo-get",
    "oidcc-userinfo-post-header",
    "oidcc-userinfo-post-body",
    "oidcc-ensure-request-without-nonce-succeeds-for-code-flow",
    "oidcc-scope-profile",
    "oidcc-scope-email",
    "oidcc-scope-address",
    "oidcc-scope-phone",
    "oidcc-scope-all",
    "oidcc-alternate-happy-flow",
    "oidcc-display-page",
    "oidcc-display-popup",
    "oidcc-prompt-login",
    "oidcc-prompt-none-not-logged-in",
    "oidcc-prompt-none-logged-in",
    "oidcc-max-age-1",
    "oidcc-max-age-10000",
    "oidcc-ensure-request-with-unknown-parameter-succeeds",
    "oidcc-id-token-hint",
    "oidcc-login-hint",
    "oidcc-ui-locales",
    "oidcc-claims-locales",
    "oidcc-ensure-request-with-acr-values-succeeds",
    "oidcc-codereuse",
    "oidcc-codereuse-30seconds",
    "oidcc-ensure-registered-redirect-uri",
    "oidcc-ensure-post-request-succeeds",
    "oidcc-server-client-secret-post",
    "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported",
    "oidcc-claims-essential",
    "oidcc-ensure-request-object-with-redirect-uri",
    "oidcc-refresh-token",
    "oidcc-ensure-request-with-valid-pkce-succeeds",
    FORM_POST,
];

const FORM_POST: &str = "oidcc-formpost-basic-certification-test-plan";

/// The plans of RP-initiated, back-channel and front-channel logout.
const LOGOUT: [&str; 15] = [
    "oidcc-rp-initiated-logout-discovery-endpoint-verification",
    "oidcc-rp-initiated-logout",
    "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri",
    "oidcc-rp-initiated-logout-modified-id-token-hint",
    "oidcc-rp-initiated-logout-no-id-token-hint",
    "oidcc-rp-initiated-logout-no-params",
    "oidcc-rp-initiated-logout-no-post-logout-redirect-uri",
    "oidcc-rp-initiated-logout-no-state",
    "oidcc-rp-initiated-logout-only-state",
    "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri",
    "oidcc-rp-initiated-logout-bad-id-token-hint",
    "oidcc-backchannel-logout-discovery-endpoint-verification",
    "oidcc-backchannel-rp-initiated-logout",
    "oidcc-frontchannel-logout-discovery-endpoint-verification",
    "oidcc-frontchannel-rp-initiated-logout",
];

#[test]
fn every_module_of_the_conformance_plans_is_covered_by_a_test() {
    let covering = covering_tests();
    let modules = || SIGN_IN.into_iter().chain(LOGOUT);
    let uncovered: Vec<_> = modules().filter(|module| !covering.contains_key(*module)).collect();
    assert!(uncovered.is_empty(), "no test names {uncovered:#?}");
    let unknown: Vec<_> = covering.keys().filter(|name| !modules().any(|module| module == **name)).collect();
    assert!(unknown.is_empty(), "no plan has {unknown:#?}");
}

/// The tests that name a module, by module.
fn covering_tests() -> BTreeMap<String, Vec<String>> {
    let mut covering = BTreeMap::<String, Vec<String>>::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                for (module, test) in aliases(&fs::read_to_string(&path).unwrap()) {
                    covering.entry(module).or_default().push(test);
                }
            }
        }
    }
    covering
}

/// The aliases in a source file, each with the test that follows it.
fn aliases(source: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut waiting: Vec<String> = Vec::new();
    let (mut inside, mut is_test) = (false, false);
    for line in source.lines().map(str::trim) {
        inside |= line.starts_with("#[doc(alias");
        if inside {
            waiting.extend(line.split('"').skip(1).step_by(2).map(str::to_owned));
            inside = !line.ends_with(']');
        }
        is_test |= line.starts_with("#[tokio::test") || line == "#[test]";
        if let Some((_, rest)) = line.split_once("fn ") {
            let name = rest.split('(').next().unwrap().to_owned();
            assert!(waiting.is_empty() || is_test, "{name} names a module and is no test");
            found.extend(waiting.drain(..).map(|module| (module, name.clone())));
            is_test = false;
        }
    }
    found
}
