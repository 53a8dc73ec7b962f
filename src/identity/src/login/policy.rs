//! Answers which login methods may come next and when a sign-in is complete.
//!
//! A pure function of three inputs: the requirement of the client and the installation, the login methods
//! with the account's enrolments, and the factors verified so far. [`attempt`](super::attempt) reads and
//! stores these inputs; this module reads no database.
//!
//! The levels, each of which implies the ones before it:
//!
//! - `aal1`: one factor.
//! - `aal2`: two factors. The second one is a possession factor (TOTP, passkey) or a recovery code, which
//!   replaces a lost device; the other one is any other method.
//! - `phr`: phishing-resistant. A passkey with user verification, which reaches this level alone.
//!
//! A code that is sent out of band proves only access to the mailbox or the phone. Such a code can be the
//! first factor and never the second one (NIST SP 800-63B-4 section 3.1.3.1 does not accept email at all).

use std::time::Duration;

use postern_service::clock::Timestamp;
use serde::{Deserialize, Serialize};

use crate::acr::Acr;
pub use crate::app::login_method::Factor;

impl Factor {
    /// Whether a sign-in may begin with this factor. TOTP may not: six digits against a known email are too
    /// easy to guess.
    const fn can_be_first(self) -> bool {
        matches!(self, Self::Knowledge | Self::OutOfBand | Self::Possession { phishing_resistant: true })
    }

    /// Whether this factor and any other method together reach `aal2`.
    const fn can_be_second(self) -> bool {
        matches!(self, Self::Possession { .. } | Self::RecoveryCode)
    }

    /// The highest level that an existing session can reach by adding this factor.
    pub const fn step_up_acr(self) -> Acr {
        match self {
            Self::Possession { phishing_resistant: true } => Acr::Phr,
            _ if self.can_be_second() => Acr::Aal2,
            _ => Acr::Aal1,
        }
    }

    /// Whether an account that has enrolled this factor must verify a second factor at every sign-in. A
    /// recovery code alone does not count as an enrolled second factor.
    pub const fn requires_second_factor(self) -> bool {
        matches!(self, Self::Possession { .. })
    }
}

/// What a sign-in must fulfil: the level, its age, and the methods that may begin it. Stored with the
/// attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticationRequirement {
    /// Lowest level that is enough; none accepts any.
    #[serde(rename = "acr")]
    pub min_acr: Option<Acr>,
    /// How old the authentication may be (OpenID Connect Core section 3.1.2.1). The session checks the age; a
    /// new sign-in always fulfils this rule.
    pub max_age: Option<Duration>,
    /// Methods that the client allows as the first factor; empty allows all.
    #[serde(rename = "methods")]
    pub first_factor_methods: Vec<String>,
}

impl AuthenticationRequirement {
    /// Whether an authentication of this level and time still fulfils the requirement.
    pub fn met_by(&self, acr: Acr, auth_time: Timestamp, now: Timestamp) -> bool {
        self.min_acr.is_none_or(|least| acr >= least) && self.max_age.is_none_or(|age| now - auth_time <= age)
    }
}

/// A login method that the account may use next.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    pub name: &'a str,
    pub factor: Factor,
    /// Whether the account has enrolled the method. Also true for methods that need no enrolment.
    pub enrolled: bool,
}

/// A factor that was verified in an attempt. Stored with the attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedFactor {
    /// The login method, or `session` for the earlier authentication of a session that is stepped up.
    pub method: String,
    /// Values that the factor adds to `amr` (RFC 8176).
    pub amr: Vec<String>,
    pub factor: Factor,
    /// Whether the authenticator verified its user (flag UV, WebAuthn level 3 section 6.1).
    pub user_verified: bool,
    pub at: Timestamp,
}

/// The next step of a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// Another factor is required: by one of these methods.
    FactorRequired(Vec<String>),
    Complete(AchievedAssurance),
    /// The sign-in cannot reach the level that was asked for: the account must enrol another factor first.
    InsufficientAcr(AchievedAssurance),
}

/// The level and methods that the verified factors amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AchievedAssurance {
    pub acr: Acr,
    /// Authentication methods (RFC 8176), each once.
    pub amr: Vec<String>,
}

/// Decides the next step from the requirement, the candidate methods and the verified factors.
///
/// An account that has a second factor verifies it at every sign-in, whatever the client asks for. Otherwise
/// an attacker who reads the mailbox would bypass the second factor.
pub fn next_step(
    requirement: &AuthenticationRequirement,
    candidates: &[Candidate<'_>],
    verified: &[VerifiedFactor],
) -> NextStep {
    let Some(reached) = achieved_assurance(verified) else {
        return NextStep::FactorRequired(candidate_names(candidates, |offer| {
            offer.factor.can_be_first() && allowed_as_first_factor(requirement, offer)
        }));
    };
    let has_second_factor =
        candidates.iter().any(|offer| offer.enrolled && offer.factor.requires_second_factor());
    let wanted =
        requirement.min_acr.unwrap_or(Acr::Aal1).max(if has_second_factor { Acr::Aal2 } else { Acr::Aal1 });
    if reached.acr >= wanted {
        return NextStep::Complete(reached);
    }
    // An unreachable level does not waive a second factor that the account has.
    let steps = [Some(wanted), has_second_factor.then_some(Acr::Aal2)];
    for step in steps.into_iter().flatten() {
        let more = candidate_names(candidates, |offer| {
            offer.enrolled && contributes_to(offer, step, reached.acr, verified)
        });
        if !more.is_empty() {
            return NextStep::FactorRequired(more);
        }
    }
    match requirement.min_acr {
        Some(least) if reached.acr < least => NextStep::InsufficientAcr(reached),
        _ => NextStep::Complete(reached),
    }
}

/// The level and methods of the verified factors; none without a factor.
fn achieved_assurance(verified: &[VerifiedFactor]) -> Option<AchievedAssurance> {
    if verified.is_empty() {
        return None;
    }
    let phishing_resistant =
        |proof: &VerifiedFactor| matches!(proof.factor, Factor::Possession { phishing_resistant: true });
    let two_factors = verified.len() > 1 && verified.iter().any(|proof| proof.factor.can_be_second());
    let acr = if verified.iter().any(|proof| phishing_resistant(proof) && proof.user_verified) {
        Acr::Phr
    } else if two_factors {
        Acr::Aal2
    } else {
        Acr::Aal1
    };
    let mut amr: Vec<String> = Vec::new();
    // RFC 8176 section 2: `mfa` is listed beside the methods themselves.
    let mfa = (acr >= Acr::Aal2).then_some("mfa");
    for word in verified.iter().flat_map(|proof| proof.amr.iter().map(String::as_str)).chain(mfa) {
        if !amr.iter().any(|known| known == word) {
            amr.push(word.to_owned());
        }
    }
    Some(AchievedAssurance { acr, amr })
}

/// Whether verifying this method too would bring the sign-in closer to the level.
fn contributes_to(offer: &Candidate<'_>, wanted: Acr, reached: Acr, verified: &[VerifiedFactor]) -> bool {
    if verified.iter().any(|proof| proof.method == offer.name) {
        return false;
    }
    match wanted {
        Acr::Aal2 if reached < Acr::Aal2 => {
            // Either a factor that can be second, or, after such a factor (a passkey without user
            // verification), any other method except a code that is sent.
            offer.factor.can_be_second()
                || (offer.factor != Factor::OutOfBand
                    && verified.iter().any(|proof| proof.factor.can_be_second()))
        }
        Acr::Aal1 | Acr::Aal2 => false,
        Acr::Phr => matches!(offer.factor, Factor::Possession { phishing_resistant: true }),
    }
}

fn allowed_as_first_factor(requirement: &AuthenticationRequirement, offer: &Candidate<'_>) -> bool {
    requirement.first_factor_methods.is_empty()
        || requirement.first_factor_methods.iter().any(|name| name == offer.name)
}

fn candidate_names(candidates: &[Candidate<'_>], choose: impl Fn(&Candidate<'_>) -> bool) -> Vec<String> {
    candidates.iter().filter(|offer| choose(offer)).map(|offer| offer.name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acr::ParseAcrError;

    const EMAIL: Factor = Factor::OutOfBand;
    const TOTP: Factor = Factor::Possession { phishing_resistant: false };
    const PASSKEY: Factor = Factor::Possession { phishing_resistant: true };

    fn candidates(enrolled: &'static [&'static str]) -> Vec<Candidate<'static>> {
        [
            ("email-otp", EMAIL),
            ("code", EMAIL),
            ("password", Factor::Knowledge),
            ("totp", TOTP),
            ("passkey", PASSKEY),
        ]
        .into_iter()
        .map(|(name, factor)| Candidate { name, factor, enrolled: enrolled.contains(&name) })
        .collect()
    }

    fn verified_factors(names: &[&str], user_verified: bool) -> Vec<VerifiedFactor> {
        let all = candidates(&[]);
        let factor = |name: &str| all.iter().find(|offer| offer.name == name).unwrap().factor;
        names
            .iter()
            .map(|name| VerifiedFactor {
                method: (*name).to_owned(),
                amr: vec![if *name == "password" { "pwd" } else { "otp" }.to_owned()],
                factor: factor(name),
                user_verified: user_verified && *name == "passkey",
                at: Timestamp::from_seconds(0),
            })
            .collect()
    }

    /// The next step as one word, or as the list of methods.
    fn outcome(
        acr: Option<Acr>,
        enrolled: &'static [&'static str],
        names: &[&str],
        verified: bool,
    ) -> String {
        let requirement = AuthenticationRequirement { min_acr: acr, ..AuthenticationRequirement::default() };
        match next_step(&requirement, &candidates(enrolled), &verified_factors(names, verified)) {
            NextStep::FactorRequired(names) => names.join(" "),
            NextStep::Complete(reached) => format!("done {}", reached.acr.as_str()),
            NextStep::InsufficientAcr(reached) => format!("short {}", reached.acr.as_str()),
        }
    }

    #[test]
    fn every_case_has_its_next_step() {
        use Acr::{Aal1, Aal2, Phr};
        const PLAIN: &[&str] = &["email-otp", "code"];
        const WITH_TOTP: &[&str] = &["email-otp", "code", "totp"];
        const ALL: &[&str] = &["email-otp", "code", "password", "totp", "passkey"];
        for (asked, enrolled, names, verified, expected) in [
            // First factors: never TOTP.
            (None, PLAIN, &[][..], false, "email-otp code password passkey"),
            (Some(Phr), WITH_TOTP, &[], false, "email-otp code password passkey"),
            // One factor.
            (None, PLAIN, &["email-otp"], false, "done aal1"),
            (Some(Aal1), PLAIN, &["code"], false, "done aal1"),
            // A sent code is never the second factor.
            (Some(Aal2), PLAIN, &["email-otp"], false, "short aal1"),
            (Some(Aal2), PLAIN, &["password", "email-otp"], false, "short aal1"),
            (Some(Aal2), PLAIN, &["email-otp", "code"], false, "short aal1"),
            // TOTP is the second factor to any method, and required whenever the account has it.
            (Some(Aal2), WITH_TOTP, &["email-otp"], false, "totp"),
            (None, WITH_TOTP, &["email-otp"], false, "totp"),
            (None, WITH_TOTP, &["email-otp", "totp"], false, "done aal2"),
            (Some(Aal2), WITH_TOTP, &["code", "totp"], false, "done aal2"),
            (Some(Phr), WITH_TOTP, &["email-otp", "totp"], false, "short aal2"),
            // A client that asks for an unreachable level does not bypass the second factor.
            (Some(Phr), WITH_TOTP, &["email-otp"], false, "totp"),
            (Some(Phr), WITH_TOTP, &["password"], false, "totp"),
            // A passkey with user verification reaches every level.
            (None, ALL, &["passkey"], true, "done phr"),
            (Some(Aal2), ALL, &["passkey"], true, "done phr"),
            (Some(Phr), ALL, &["passkey"], true, "done phr"),
            // A passkey without user verification needs another method that is not a sent code.
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
        let requirement = AuthenticationRequirement {
            first_factor_methods: vec!["code".to_owned()],
            ..AuthenticationRequirement::default()
        };
        let decide = |names: &[&str]| {
            next_step(&requirement, &candidates(&["code", "totp"]), &verified_factors(names, false))
        };
        assert_eq!(decide(&[]), NextStep::FactorRequired(vec!["code".to_owned()]));
        assert_eq!(decide(&["code"]), NextStep::FactorRequired(vec!["totp".to_owned()]));
    }

    #[test]
    fn amr_names_each_method_once_and_mfa_for_two_factors() {
        let amr = |names: &[&str]| achieved_assurance(&verified_factors(names, false)).unwrap().amr;
        assert_eq!(amr(&["email-otp"]), ["otp"]);
        assert_eq!(amr(&["password", "email-otp"]), ["pwd", "otp"]);
        assert_eq!(amr(&["password", "totp"]), ["pwd", "otp", "mfa"]);
        assert_eq!(amr(&["email-otp", "totp"]), ["otp", "mfa"]);
    }

    #[test]
    fn levels_imply_the_lower_ones_and_age_counts() {
        let now = Timestamp::from_seconds(1000);
        let requirement = AuthenticationRequirement {
            min_acr: Some(Acr::Aal2),
            max_age: Some(Duration::from_mins(1)),
            first_factor_methods: vec![],
        };
        assert!(requirement.met_by(Acr::Phr, Timestamp::from_seconds(940), now));
        assert!(!requirement.met_by(Acr::Aal1, now, now));
        assert!(!requirement.met_by(Acr::Aal2, Timestamp::from_seconds(939), now));
        assert_eq!("aal3".parse::<Acr>(), Err(ParseAcrError));
    }
}
