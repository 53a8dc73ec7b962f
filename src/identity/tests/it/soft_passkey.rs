//! Defines a passkey made of software: what a browser and a device answer to a challenge (WebAuthn level 3), right or,
//! where a test says so, wrong.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openssl::{
    bn::{BigNum, BigNumContext},
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    sign::Signer,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The person was present.
pub const PRESENT: u8 = 1;
/// The device knew the person by finger, face or PIN.
pub const VERIFIED: u8 = 4;
const HOLDS_KEY: u8 = 64;
/// What the device says of extensions follows.
pub const EXTENDED: u8 = 128;

/// One passkey, and how it answers.
#[derive(Clone)]
pub struct SoftPasskey {
    pub key: EcKey<Private>,
    pub id: Vec<u8>,
    pub handle: Vec<u8>,
    /// What it says about the person.
    pub flags: u8,
    /// How often it signed; it stays 0 for one that does not count.
    pub count: u32,
    pub counts: bool,
    pub origin: String,
    pub rp_id: String,
    /// What it says of extensions when it is used, with the flag [`EXTENDED`].
    pub extensions: Vec<u8>,
}

impl SoftPasskey {
    /// Makes one for these options, and what the browser answers.
    pub fn create(options: &Value) -> (Self, Value) {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = EcKey::generate(&group).unwrap();
        let rp_id = options["rp"]["id"].as_str().unwrap().to_owned();
        let passkey = Self {
            id: Sha256::digest(key.private_key().to_vec())[..20].to_vec(),
            key,
            handle: URL_SAFE_NO_PAD.decode(options["user"]["id"].as_str().unwrap()).unwrap(),
            flags: PRESENT | VERIFIED,
            count: 0,
            counts: false,
            origin: "http://localhost:7117".to_owned(),
            rp_id,
            extensions: Vec::new(),
        };
        let answer = passkey.attest(options);
        (passkey, answer)
    }

    /// What the browser answers when it has made this one.
    pub fn attest(&self, options: &Value) -> Value {
        let (mut x, mut y) = (BigNum::new().unwrap(), BigNum::new().unwrap());
        let mut context = BigNumContext::new().unwrap();
        self.key.public_key().affine_coordinates_gfp(self.key.group(), &mut x, &mut y, &mut context).unwrap();
        self.attest_point(options, &x.to_vec_padded(32).unwrap(), &y.to_vec_padded(32).unwrap())
    }

    /// The same with any point as its public key.
    pub fn attest_point(&self, options: &Value, x: &[u8], y: &[u8]) -> Value {
        // RFC 9053 section 7.1.1: EC2, ES256, P-256.
        let key = [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", x, b"\x22\x58\x20", y].concat();
        self.attest_key(options, &key)
    }

    /// The same with any bytes as its public key.
    pub fn attest_key(&self, options: &Value, key: &[u8]) -> Value {
        let mut data = self.authenticator_data(self.flags | HOLDS_KEY);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        data.extend(key);
        let mut attestation = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".to_vec();
        attestation.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        attestation.extend(data);
        self.attest_object(options, &attestation)
    }

    /// The same with any bytes as its attestation.
    pub fn attest_object(&self, options: &Value, attestation: &[u8]) -> Value {
        let client_data = self.client_data("webauthn.create", options);
        json!({
            "id": URL_SAFE_NO_PAD.encode(&self.id),
            "rawId": URL_SAFE_NO_PAD.encode(&self.id),
            "type": "public-key",
            "response": {
                "clientDataJSON": URL_SAFE_NO_PAD.encode(client_data),
                "attestationObject": URL_SAFE_NO_PAD.encode(attestation),
                "transports": ["internal"],
            },
            "clientExtensionResults": {},
        })
    }

    /// What the browser answers when it has used this one.
    pub fn answer(&mut self, options: &Value) -> Value {
        if self.counts {
            self.count += 1;
        }
        let client_data = self.client_data("webauthn.get", options);
        let data = [self.authenticator_data(self.flags), self.extensions.clone()].concat();
        let key = PKey::from_ec_key(self.key.clone()).unwrap();
        let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
        let signed = [data.as_slice(), &Sha256::digest(&client_data)].concat();
        let signature = signer.sign_oneshot_to_vec(&signed).unwrap();
        json!({
            "id": URL_SAFE_NO_PAD.encode(&self.id),
            "rawId": URL_SAFE_NO_PAD.encode(&self.id),
            "type": "public-key",
            "response": {
                "clientDataJSON": URL_SAFE_NO_PAD.encode(client_data),
                "authenticatorData": URL_SAFE_NO_PAD.encode(data),
                "signature": URL_SAFE_NO_PAD.encode(signature),
                "userHandle": URL_SAFE_NO_PAD.encode(&self.handle),
            },
            "clientExtensionResults": {},
        })
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let data = json!({
            "type": kind,
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": false,
        });
        serde_json::to_vec(&data).unwrap()
    }

    fn authenticator_data(&self, flags: u8) -> Vec<u8> {
        let mut data = Sha256::digest(&self.rp_id).to_vec();
        data.push(flags);
        data.extend(self.count.to_be_bytes());
        data
    }
}
