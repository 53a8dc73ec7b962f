//! Answers which `sub` a client sees for a user (OpenID Connect Core section 8): the public one, or one of its sector.
//!
//! [`subject_for`] is the only place that decides this. A pairwise subject is computed and never stored, so nothing
//! can be found by it: whoever needs the account takes it from the grant or the session.

use std::{collections::BTreeSet, fmt::Write as _};

use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use super::Client;
use crate::crypto::Vault;

/// `subject_type` of client metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// Every client sees the same `sub`.
    #[default]
    Public,
    /// Clients of different sectors see different ones and cannot compare them.
    Pairwise,
}

impl SubjectType {
    pub const ALL: [Self; 2] = [Self::Public, Self::Pairwise];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Pairwise => "pairwise",
        }
    }
}

/// The `sub` of a user in everything that this client is given. `public` is the user's own subject.
pub fn subject_for(vault: &Vault, client: &Client, public: Uuid) -> String {
    let public = public.to_string();
    match &client.pairwise_sector {
        Some(sector) => vault.pairwise_subject(sector, &public),
        None => public,
    }
}

/// The sector of a pairwise client (OpenID Connect Core section 8.1): the one that an operator gave, or else the host
/// that all redirect URIs have. The error reads on from `sector`.
pub fn sector(given: Option<&str>, redirect_uris: &[String]) -> Result<String, String> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    let hosts: Option<BTreeSet<String>> = redirect_uris.iter().map(|uri| host(uri)).collect();
    let found = match hosts {
        // A private-use URI scheme belongs to no host.
        None => "a redirect URI has no web host".to_owned(),
        Some(hosts) if hosts.is_empty() => "there is no redirect URI".to_owned(),
        Some(hosts) if hosts.len() > 1 => {
            hosts.iter().fold("the redirect URIs have different hosts:".to_owned(), |mut text, host| {
                // Writing to a `String` cannot fail.
                let _ = write!(text, " {host}");
                text
            })
        }
        Some(hosts) => return Ok(hosts.into_iter().collect()),
    };
    Err(format!("must be given for pairwise subjects (--sector HOST), because {found}"))
}

fn host(uri: &str) -> Option<String> {
    let uri = Url::parse(uri).ok().filter(|uri| matches!(uri.scheme(), "http" | "https"))?;
    uri.host_str().map(str::to_owned)
}

/// Whether a sector is a host as URLs have it. The error reads on from `sector`.
pub fn check_sector(sector: &str) -> Result<(), &'static str> {
    let canonical = host(&format!("https://{sector}/")).is_some_and(|host| host == sector);
    if canonical && sector.len() <= 253 {
        Ok(())
    } else {
        Err("must be a host in lower case, without a port")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sector_is_the_one_host_or_what_the_operator_says() {
        let uris = |list: &[&str]| list.iter().map(|uri| (*uri).to_owned()).collect::<Vec<_>>();
        let one = uris(&["https://a.test/cb", "https://A.test:8443/other"]);
        assert_eq!(sector(None, &one).as_deref(), Ok("a.test"));
        let two = uris(&["https://a.test/cb", "https://b.test/cb"]);
        assert!(sector(None, &two).unwrap_err().ends_with("hosts: a.test b.test"));
        assert_eq!(sector(Some("c.test"), &two).as_deref(), Ok("c.test"));
        for none in [&[][..], &["com.example.app:/cb"], &["https://a.test/cb", "capacitor://localhost"]] {
            assert!(sector(None, &uris(none)).unwrap_err().contains("--sector"), "{none:?}");
        }
    }

    #[test]
    fn a_sector_is_a_host_in_one_spelling() {
        for host in ["a.test", "localhost", "127.0.0.1", "[::1]"] {
            assert_eq!(check_sector(host), Ok(()), "{host}");
        }
        for other in [
            "",
            "A.test",
            "a.test:1",
            "a.test/",
            "u@a.test",
            "a b",
            "a\0b",
            "https://a.test",
            "a.test?",
            "a\tb",
        ] {
            assert!(check_sector(other).is_err(), "{other:?}");
        }
    }
}
