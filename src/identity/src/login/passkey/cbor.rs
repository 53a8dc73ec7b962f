//! Answers whether what a device says in CBOR means the same to every reader.
//!
//! The library takes the last of two members with one label, others the first (RFC 8949 section 5.6). So a map must have
//! each label once, and labels must be written in their shortest form, as the CTAP2 canonical CBOR encoding form demands
//! (CTAP 2.2 section 8), or the same label could be written in two ways. Nothing may follow what is read, and nothing
//! nests deeper than that form allows.

use std::collections::BTreeSet;

/// CTAP 2.2 section 8: "The depth of nested CBOR structures ... is limited to at most four (4) levels".
const DEEPEST: usize = 4;
/// Hash of the relying party, flags, count (WebAuthn level 3 section 6.1).
const FIXED_LENGTH: usize = 37;
const FLAGS: usize = 32;
const HOLDS_KEY: u8 = 0x40;
const EXTENDED: u8 = 0x80;
const AAGUID_LENGTH: usize = 16;
/// The label `authData` of an attestation object.
const AUTHENTICATOR_DATA: &[u8] = b"\x68authData";

/// Whether an attestation object (WebAuthn level 3 section 6.5.4) is read in one way only, key included.
pub(super) fn unambiguous_attestation(object: &[u8]) -> bool {
    let Some((members, [])) = map(object, DEEPEST) else { return false };
    let data = members.into_iter().find(|(label, _)| *label == AUTHENTICATOR_DATA);
    let bytes = data.and_then(|(_, value)| Head::read(value)).filter(|head| head.major == 2);
    bytes.is_some_and(|head| unambiguous_data(head.rest))
}

/// Whether authenticator data (WebAuthn level 3 section 6.1) is.
pub(super) fn unambiguous_data(data: &[u8]) -> bool {
    read_data(data).is_some_and(<[u8]>::is_empty)
}

/// What follows authenticator data.
fn read_data(data: &[u8]) -> Option<&[u8]> {
    let (fixed, mut rest) = data.split_at_checked(FIXED_LENGTH)?;
    if fixed[FLAGS] & HOLDS_KEY != 0 {
        let (length, id) = rest.get(AAGUID_LENGTH..)?.split_first_chunk::<2>()?;
        let key = id.get(usize::from(u16::from_be_bytes(*length))..)?;
        rest = map(key, DEEPEST)?.1;
    }
    if fixed[FLAGS] & EXTENDED != 0 {
        rest = map(rest, DEEPEST)?.1;
    }
    Some(rest)
}

/// The beginning of an item (RFC 8949 section 3).
struct Head<'b> {
    major: u8,
    argument: u64,
    /// Whether the argument could not be written shorter.
    shortest: bool,
    rest: &'b [u8],
}

impl<'b> Head<'b> {
    /// None for lengths that are not told beforehand, which CTAP2 has not.
    fn read(bytes: &'b [u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first()?;
        let (major, short) = (first >> 5, first & 0x1f);
        let (length, least) = match short {
            0..24 => return Some(Self { major, argument: short.into(), shortest: true, rest }),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            _ => return None,
        };
        let (argument, rest) = rest.split_at_checked(length)?;
        let argument = argument.iter().fold(0, |argument, byte| argument << 8 | u64::from(*byte));
        Some(Self { major, argument, shortest: argument >= least, rest })
    }
}

/// What follows an item.
fn item(bytes: &[u8], depth: usize) -> Option<&[u8]> {
    let Head { major, argument, rest, .. } = Head::read(bytes)?;
    match major {
        0 | 1 | 7 => Some(rest),
        2 | 3 => rest.get(usize::try_from(argument).ok()?..),
        4 => {
            let depth = depth.checked_sub(1)?;
            (0..argument).try_fold(rest, |rest, _| item(rest, depth))
        }
        5 => map(bytes, depth).map(|(_, rest)| rest),
        // CTAP 2.2 section 8: tags must not be present.
        _ => None,
    }
}

/// Labels and values as they are written.
type Members<'b> = Vec<(&'b [u8], &'b [u8])>;

/// The members of a map, each label once, and what follows the map.
fn map(bytes: &[u8], depth: usize) -> Option<(Members<'_>, &[u8])> {
    let Head { argument: pairs, mut rest, .. } = Head::read(bytes).filter(|head| head.major == 5)?;
    let depth = depth.checked_sub(1)?;
    let (mut labels, mut members) = (BTreeSet::new(), Vec::new());
    for _ in 0..pairs {
        Head::read(rest).filter(|label| label.shortest && label.major < 4)?;
        let value = item(rest, depth)?;
        let label = &rest[..rest.len() - value.len()];
        if !labels.insert(label) {
            return None;
        }
        rest = item(value, depth)?;
        members.push((label, &value[..value.len() - rest.len()]));
    }
    Some((members, rest))
}

#[cfg(test)]
mod tests {
    use super::{DEEPEST, item, map, unambiguous_attestation, unambiguous_data};

    fn whole(bytes: &[u8]) -> bool {
        item(bytes, DEEPEST).is_some_and(<[u8]>::is_empty)
    }

    #[test]
    fn a_map_has_each_label_once_in_its_shortest_form() {
        for good in
            [&b"\xa0"[..], b"\xa2\x01\x02\x03\x26", b"\xa2\x61x\x01\x61y\x02", b"\xa1\x41x\xf9\x00\x00"]
        {
            assert!(whole(good), "{good:x?}");
        }
        for bad in [
            // Twice, once at the top and once below.
            &b"\xa2\x01\x02\x01\x02"[..],
            b"\xa1\x61x\xa2\x61y\x01\x61y\x02",
            // -3, and -3 in two bytes.
            b"\xa2\x22\x01\x38\x02\x01",
            b"\xa1\x38\x02\x01",
            // A list as a label, a tag, lengths that come later.
            b"\xa1\x80\x01",
            b"\xc0\x01",
            b"\xbf\x01\x02\xff",
            b"\x9f\xff",
            // Cut off.
            b"\xa1\x01",
            b"\x42x",
            b"\x18",
            b"",
        ] {
            assert!(!whole(bad), "{bad:x?}");
        }
    }

    #[test]
    fn nothing_costs_more_than_its_size() {
        assert!(!whole(b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff"));
        assert!(!whole(b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff"));
        assert!(!whole(&vec![0x81; 60_000]), "nested without end");
        assert!(whole(b"\x81\x81\x81\x81\x00") && !whole(b"\x81\x81\x81\x81\x81\x00"));
        assert!(map(b"\x01", DEEPEST).is_none());
    }

    #[test]
    fn what_is_no_authenticator_data_is_not_read() {
        assert!(unambiguous_data(&[0; 37]));
        for bad in [&[0; 36][..], &[0; 38], &[0xff; 37], &[0xff; 60]] {
            assert!(!unambiguous_data(bad));
        }
        assert!(!unambiguous_attestation(b"\xa0") && !unambiguous_attestation(b"\xa1\x68authData\x01"));
    }
}
