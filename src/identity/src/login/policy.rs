//! Answers which login methods come next and when a sign-in is done: a pure function of what is asked,
//! what the account has, and what was shown so far.
//!
//! Levels: `phr` (phishing-resistant) implies `aal2` (two factors) implies `aal1` (one). `aal2` is a
//! device that proves itself (TOTP, passkey) plus one other method, or a passkey with user
//! verification, which is also `phr`. A code that is sent to somebody proves that they read what is
//! sent there, never more: it begins a sign-in and is never the second factor (NIST SP 800-63B-4
//! section 3.1.3.1 does not accept email at all).

use std::{str::FromStr, time::Duration};

use postern_service::clock::Timestamp;
use serde::{Deserialize, Serialize};

/// How well somebody proved who they are; later ones imply earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Acr {
    /// One factor.
    Aal1,
    /// Two factors.
    Aal2,
    /// Phishing-resistant.
    Phr,
}

impl Acr {
    /// Every level, lowest first: `acr_values_supported`.
    pub const ALL: [Self; 3] = [Self::Aal1, Self::Aal2, Self::Phr];

    /// As in `acr` and `acr_values`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
            Self::Phr => "phr",
        }
    }
}

/// The word is not a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be aal1, aal2 or phr")]
pub struct NotAnAcr;

impl FromStr for Acr {
    type Err = NotAnAcr;

    fn from_str(word: &str) -> Result<Self, NotAnAcr> {
        Self::ALL.into_iter().find(|acr| acr.word() == word).ok_or(NotAnAcr)
    }
}

/// What a method shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// Something the person knows.
    Knows,
    /// A device of theirs that proves itself.
    Has {
        /// Whether it proves itself to our origin only.
        phishing_resistant: bool,
    },
    /// Something the person is.
    Is,
    /// That they read what is sent to an address or handed over by an operator.
    Reads,
    /// A secret that stands in for a device that is lost.
    Recovers,
}

impl Factor {
    /// Whether a sign-in may begin with it. A TOTP code alone is six digits against a known name.
    const fn begins(self) -> bool {
        matches!(self, Self::Knows | Self::Reads | Self::Has { phishing_resistant: true })
    }

    /// Whether it makes another method's proof a second factor.
    const fn seconds(self) -> bool {
        matches!(self, Self::Has { .. } | Self::Recovers)
    }

    /// What it makes of an earlier sign-in, at best.
    pub const fn lifts_to(self) -> Acr {
        match self {
            Self::Has { phishing_resistant: true } => Acr::Phr,
            _ if self.seconds() => Acr::Aal2,
            _ => Acr::Aal1,
        }
    }

    /// Whether an account that is set up for it shows a second factor at every sign-in.
    pub const fn demands_second(self) -> bool {
        matches!(self, Self::Has { .. })
    }
}

/// What a sign-in must reach, and with what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// Least level.
    pub acr: Option<Acr>,
    /// How old the sign-in may be (OpenID Connect Core section 3.1.2.1); whoever keeps a session
    /// compares it, a new sign-in always fulfils it.
    pub max_age: Option<Duration>,
    /// Methods the client allows to begin with; empty allows all.
    pub methods: Vec<String>,
}

impl Requirement {
    /// Whether a sign-in of this level and time still fulfils it.
    pub fn met_by(&self, acr: Acr, auth_time: Timestamp, now: Timestamp) -> bool {
        self.acr.is_none_or(|least| acr >= least) && self.max_age.is_none_or(|age| now - auth_time <= age)
    }
}

/// A method as the policy sees it.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it shows.
    pub factor: Factor,
    /// Whether the account is set up for it.
    pub enrolled: bool,
}

/// A factor shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The method, or `session` for what an earlier sign-in of the session proved.
    pub method: String,
    /// What it adds to `amr`.
    pub amr: Vec<String>,
    /// What it showed.
    pub factor: Factor,
    /// Whether the device verified its user (WebAuthn level 3 section 6.1).
    pub user_verified: bool,
    /// When.
    pub at: Timestamp,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// One of these methods.
    More(Vec<String>),
    /// Nothing: the sign-in is complete.
    Done(Reached),
    /// More was asked for than this account can show: it must enrol first.
    Short(Reached),
}

/// What a sign-in reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The level.
    pub acr: Acr,
    /// The methods (RFC 8176), each once.
    pub amr: Vec<String>,
}

/// Decides what comes next for this requirement, these methods and these proofs.
///
/// An account that has a second factor shows it at every sign-in, whatever the client asks for:
/// otherwise whoever reads the mailbox would get around it.
pub fn decide(requirement: &Requirement, offers: &[Offer<'_>], shown: &[Shown]) -> Decision {
    let Some(reached) = reached(shown) else {
        return Decision::More(names(offers, |offer| offer.factor.begins() && allowed(requirement, offer)));
    };
    let can_second = offers.iter().any(|offer| offer.enrolled && offer.factor.demands_second());
    let wanted = requirement.acr.unwrap_or(Acr::Aal1).max(if can_second { Acr::Aal2 } else { Acr::Aal1 });
    if reached.acr >= wanted {
        return Decision::Done(reached);
    }
    // What cannot be reached does not excuse from what can.
    let steps = [Some(wanted), can_second.then_some(Acr::Aal2)];
    for step in steps.into_iter().flatten() {
        let more = names(offers, |offer| offer.enrolled && raises(offer, step, reached.acr, shown));
        if !more.is_empty() {
            return Decision::More(more);
        }
    }
    match requirement.acr {
        Some(least) if reached.acr < least => Decision::Short(reached),
        _ => Decision::Done(reached),
    }
}

/// What the proofs amount to; nothing for none.
fn reached(shown: &[Shown]) -> Option<Reached> {
    if shown.is_empty() {
        return None;
    }
    let resists = |proof: &Shown| matches!(proof.factor, Factor::Has { phishing_resistant: true });
    let seconded = shown.len() > 1 && shown.iter().any(|proof| proof.factor.seconds());
    let acr = if shown.iter().any(|proof| resists(proof) && proof.user_verified) {
        Acr::Phr
    } else if seconded {
        Acr::Aal2
    } else {
        Acr::Aal1
    };
    let mut amr: Vec<String> = Vec::new();
    // RFC 8176 section 2: `mfa` beside the methods themselves.
    let mfa = (acr >= Acr::Aal2).then_some("mfa");
    for word in shown.iter().flat_map(|proof| proof.amr.iter().map(String::as_str)).chain(mfa) {
        if !amr.iter().any(|known| known == word) {
            amr.push(word.to_owned());
        }
    }
    Some(Reached { acr, amr })
}

/// Whether showing this method too would lead towards the level.
fn raises(offer: &Offer<'_>, wanted: Acr, reached: Acr, shown: &[Shown]) -> bool {
    if shown.iter().any(|proof| proof.method == offer.name) {
        return false;
    }
    match wanted {
        Acr::Aal2 if reached < Acr::Aal2 => {
            // Something that seconds, or anything beside a device already shown (a passkey without
            // user verification), save a code that is sent.
            offer.factor.seconds()
                || (offer.factor != Factor::Reads && shown.iter().any(|proof| proof.factor.seconds()))
        }
        Acr::Aal1 | Acr::Aal2 => false,
        Acr::Phr => matches!(offer.factor, Factor::Has { phishing_resistant: true }),
    }
}

fn allowed(requirement: &Requirement, offer: &Offer<'_>) -> bool {
    requirement.methods.is_empty() || requirement.methods.iter().any(|name| name == offer.name)
}

fn names(offers: &[Offer<'_>], choose: impl Fn(&Offer<'_>) -> bool) -> Vec<String> {
    offers.iter().filter(|offer| choose(offer)).map(|offer| offer.name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMAIL: Factor = Factor::Reads;
    const TOTP: Factor = Factor::Has { phishing_resistant: false };
    const PASSKEY: Factor = Factor::Has { phishing_resistant: true };

    fn offers(enrolled: &'static [&'static str]) -> Vec<Offer<'static>> {
        [
            ("email-otp", EMAIL),
            ("code", EMAIL),
            ("password", Factor::Knows),
            ("totp", TOTP),
            ("passkey", PASSKEY),
        ]
        .into_iter()
        .map(|(name, factor)| Offer { name, factor, enrolled: enrolled.contains(&name) })
        .collect()
    }

    fn shown(names: &[&str], user_verified: bool) -> Vec<Shown> {
        let all = offers(&[]);
        let factor = |name: &str| all.iter().find(|offer| offer.name == name).unwrap().factor;
        names
            .iter()
            .map(|name| Shown {
                method: (*name).to_owned(),
                amr: vec![if *name == "password" { "pwd" } else { "otp" }.to_owned()],
                factor: factor(name),
                user_verified: user_verified && *name == "passkey",
                at: Timestamp::from_seconds(0),
            })
            .collect()
    }

    /// A decision in one word or a list of methods.
    fn outcome(
        acr: Option<Acr>,
        enrolled: &'static [&'static str],
        names: &[&str],
        verified: bool,
    ) -> String {
        let requirement = Requirement { acr, ..Requirement::default() };
        match decide(&requirement, &offers(enrolled), &shown(names, verified)) {
            Decision::More(names) => names.join(" "),
            Decision::Done(reached) => format!("done {}", reached.acr.word()),
            Decision::Short(reached) => format!("short {}", reached.acr.word()),
        }
    }

    #[test]
    fn every_case_has_its_next_step() {
        use Acr::{Aal1, Aal2, Phr};
        const PLAIN: &[&str] = &["email-otp", "code"];
        const WITH_TOTP: &[&str] = &["email-otp", "code", "totp"];
        const ALL: &[&str] = &["email-otp", "code", "password", "totp", "passkey"];
        for (asked, enrolled, names, verified, expected) in [
            // What may begin: never TOTP.
            (None, PLAIN, &[][..], false, "email-otp code password passkey"),
            (Some(Phr), WITH_TOTP, &[], false, "email-otp code password passkey"),
            // One factor.
            (None, PLAIN, &["email-otp"], false, "done aal1"),
            (Some(Aal1), PLAIN, &["code"], false, "done aal1"),
            // A code never seconds another factor.
            (Some(Aal2), PLAIN, &["email-otp"], false, "short aal1"),
            (Some(Aal2), PLAIN, &["password", "email-otp"], false, "short aal1"),
            (Some(Aal2), PLAIN, &["email-otp", "code"], false, "short aal1"),
            // TOTP seconds anything, and is asked for whenever the account has it.
            (Some(Aal2), WITH_TOTP, &["email-otp"], false, "totp"),
            (None, WITH_TOTP, &["email-otp"], false, "totp"),
            (None, WITH_TOTP, &["email-otp", "totp"], false, "done aal2"),
            (Some(Aal2), WITH_TOTP, &["code", "totp"], false, "done aal2"),
            (Some(Phr), WITH_TOTP, &["email-otp", "totp"], false, "short aal2"),
            // Asking for what the account cannot reach does not get around it.
            (Some(Phr), WITH_TOTP, &["email-otp"], false, "totp"),
            (Some(Phr), WITH_TOTP, &["password"], false, "totp"),
            // A passkey with user verification is enough for everything.
            (None, ALL, &["passkey"], true, "done phr"),
            (Some(Aal2), ALL, &["passkey"], true, "done phr"),
            (Some(Phr), ALL, &["passkey"], true, "done phr"),
            // Without it, it is a device and needs another method that is not a code.
            (Some(Aal2), ALL, &["passkey"], false, "password totp"),
            (Some(Aal2), ALL, &["passkey", "password"], false, "done aal2"),
            (Some(Phr), ALL, &["email-otp", "totp"], false, "passkey"),
        ] {
            assert_eq!(
                outcome(asked, enrolled, names, verified),
                expected,
                "{asked:?} {enrolled:?} {names:?}"
            );
        }
    }

    #[test]
    fn a_client_chooses_what_begins_and_not_what_an_account_must_show() {
        let requirement = Requirement { methods: vec!["code".to_owned()], ..Requirement::default() };
        let decide = |names: &[&str]| decide(&requirement, &offers(&["code", "totp"]), &shown(names, false));
        assert_eq!(decide(&[]), Decision::More(vec!["code".to_owned()]));
        assert_eq!(decide(&["code"]), Decision::More(vec!["totp".to_owned()]));
    }

    #[test]
    fn amr_names_each_method_once_and_mfa_for_two_factors() {
        let amr = |names: &[&str]| reached(&shown(names, false)).unwrap().amr;
        assert_eq!(amr(&["email-otp"]), ["otp"]);
        assert_eq!(amr(&["password", "email-otp"]), ["pwd", "otp"]);
        assert_eq!(amr(&["password", "totp"]), ["pwd", "otp", "mfa"]);
        assert_eq!(amr(&["email-otp", "totp"]), ["otp", "mfa"]);
    }

    #[test]
    fn levels_imply_the_lower_ones_and_age_counts() {
        let now = Timestamp::from_seconds(1000);
        let requirement =
            Requirement { acr: Some(Acr::Aal2), max_age: Some(Duration::from_mins(1)), methods: vec![] };
        assert!(requirement.met_by(Acr::Phr, Timestamp::from_seconds(940), now));
        assert!(!requirement.met_by(Acr::Aal1, now, now));
        assert!(!requirement.met_by(Acr::Aal2, Timestamp::from_seconds(939), now));
        assert_eq!("aal3".parse::<Acr>(), Err(NotAnAcr));
    }
}
