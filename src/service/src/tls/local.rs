//! Makes a certificate for this machine, for development and tests: `localhost`, 127.0.0.1 and `::1`.
//!
//! A certificate authority is made with it, for programs and browsers to trust. Its key signs this one
//! certificate and is then forgotten, so trusting the authority trusts nothing else.

use openssl::{
    asn1::{Asn1Integer, Asn1Time},
    bn::{BigNum, MsbOption},
    ec::{EcGroup, EcKey},
    error::ErrorStack,
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    x509::{
        X509, X509Builder, X509Name, X509NameRef,
        extension::{
            AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
            SubjectKeyIdentifier,
        },
    },
};

/// Apple's systems trust no certificate for longer than 825 days.
const DAYS: u32 = 800;
/// A certificate that ends sooner is made anew.
const DAYS_LEFT: u32 = 30;

/// The parts of a local certificate, each as PEM.
pub struct LocalCertificate {
    /// The certificate authority, to be trusted.
    pub authority: Vec<u8>,
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
#[error("the certificate cannot be made")]
pub struct LocalCertificateError(#[from] ErrorStack);

impl LocalCertificate {
    pub fn create() -> Result<Self, LocalCertificateError> {
        let (authority_key, key) = (new_key()?, new_key()?);
        let authority_name = name("Postern for development on this machine")?;
        let mut authority = builder(&authority_key, &authority_name, &authority_name)?;
        authority.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
        authority.append_extension(KeyUsage::new().critical().key_cert_sign().build()?)?;
        let identifier = SubjectKeyIdentifier::new().build(&authority.x509v3_context(None, None))?;
        authority.append_extension(identifier)?;
        authority.sign(&authority_key, MessageDigest::sha256())?;
        let authority = authority.build();

        let host_name = name("localhost")?;
        let mut certificate = builder(&key, &host_name, &authority_name)?;
        certificate.append_extension(BasicConstraints::new().critical().build()?)?;
        certificate.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
        certificate.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
        let context = certificate.x509v3_context(Some(&authority), None);
        let hosts =
            SubjectAlternativeName::new().dns("localhost").ip("127.0.0.1").ip("::1").build(&context)?;
        let issuer = AuthorityKeyIdentifier::new().keyid(true).build(&context)?;
        certificate.append_extension(hosts)?;
        certificate.append_extension(issuer)?;
        certificate.sign(&authority_key, MessageDigest::sha256())?;
        Ok(Self {
            authority: authority.to_pem()?,
            certificate: certificate.build().to_pem()?,
            key: key.private_key_to_pem_pkcs8()?,
        })
    }
}

/// Whether a certificate in PEM is still valid for some weeks.
pub fn remains_valid(certificate: &[u8]) -> bool {
    let soon = Asn1Time::days_from_now(DAYS_LEFT);
    X509::from_pem(certificate).is_ok_and(|parsed| soon.is_ok_and(|soon| *parsed.not_after() > *soon))
}

fn new_key() -> Result<PKey<Private>, ErrorStack> {
    PKey::from_ec_key(EcKey::generate(&*EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?)?)
}

fn name(common_name: &str) -> Result<X509Name, ErrorStack> {
    let mut name = X509Name::builder()?;
    name.append_entry_by_nid(Nid::COMMONNAME, common_name)?;
    Ok(name.build())
}

/// A certificate (RFC 5280 section 4.1) without extensions and signature.
fn builder(
    key: &PKey<Private>,
    subject: &X509NameRef,
    issuer: &X509NameRef,
) -> Result<X509Builder, ErrorStack> {
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let serial = Asn1Integer::from_bn(&serial)?;
    let (begin, end) = (Asn1Time::days_from_now(0)?, Asn1Time::days_from_now(DAYS)?);
    let mut builder = X509::builder()?;
    // Counted from 0, so this is version 3.
    builder.set_version(2)?;
    builder.set_serial_number(&serial)?;
    builder.set_subject_name(subject)?;
    builder.set_issuer_name(issuer)?;
    builder.set_not_before(&begin)?;
    builder.set_not_after(&end)?;
    builder.set_pubkey(key)?;
    Ok(builder)
}
