//! Enrolment: the one-time code that a person carries, what two people compare, and the JSON of `POST /enroll` and
//! `GET /enroll/{request}`.
//!
//! A code is 34 bytes: a secret (16), the beginning of the SHA-256 of the relay's root certificate (16), a check (2).
//! The check is a cyclic one and not a digest: it finds every wrong letter and every two neighbours that changed places,
//! where a digest of its length would let one mistake in 65,536 through.
//! It is printed as 55 characters of Crockford's base 32 in eleven groups of five. Because the code names the root,
//! the agent knows the right relay from its first TLS handshake on and trusts nobody else.
//!
//! Nothing here decides who may enrol; that is the relay's.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use crc::{CRC_16_IBM_3740, Crc};
use data_encoding::{BASE64, Encoding, Specification};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::{DeviceId, Digest, RelayId, StoreId, TenantId};

const SECRET_LEN: usize = 16;
const ROOT_LEN: usize = 16;
const CHECK_LEN: usize = 2;
const GROUP_LEN: usize = 5;
const CODE_DOMAIN: &[u8] = b"tillwire enrolment code v1";
const SECRET_DOMAIN: &[u8] = b"tillwire enrolment secret v1";

/// Its bytes go from the high bit to the low one, as base 32 does, and it stands last: a mistake within sixteen bits that
/// follow each other (three letters) is a burst that the polynomial never divides.
const CHECK: Crc<u16> = Crc::<u16>::new(&CRC_16_IBM_3740);

/// Largest body of an enrolment request or answer, in bytes.
pub const ENROL_BODY_LEN_MAX: usize = 16 * 1024;

/// Crockford's alphabet: no I, L, O or U, and the first three are read as what they look like.
static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut spec = Specification::new();
    spec.symbols.push_str("0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    spec.translate.from.push_str("abcdefghjkmnpqrstvwxyzIiLlOo");
    spec.translate.to.push_str("ABCDEFGHJKMNPQRSTVWXYZ111100");
    spec.ignore.push_str(" -\t\r\n");
    spec.encoding().expect("the alphabet has 32 different symbols")
});

/// Why a text is not an enrolment code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Not the right letters or not the right number of them.
    #[error("this is not an enrolment code, wanted eleven groups of five letters and digits")]
    Shape,
    /// The check does not fit: a typing error.
    #[error("the enrolment code has a typing error; compare it with the screen it came from")]
    Check,
}

/// A one-time code. Whoever holds it may ask once for one device's certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolmentCode {
    secret: [u8; SECRET_LEN],
    root: [u8; ROOT_LEN],
}

impl EnrolmentCode {
    /// A code from 16 random bytes, for the relay whose root certificate (DER) has this SHA-256.
    #[must_use]
    pub fn new(secret: [u8; SECRET_LEN], root: &Digest) -> Self {
        let mut start = [0; ROOT_LEN];
        start.copy_from_slice(&root.0[..ROOT_LEN]);
        Self { secret, root: start }
    }

    /// Whether `root` (DER) is the certificate that the code speaks of.
    #[must_use]
    pub fn trusts(&self, root: &[u8]) -> bool {
        self.names(&Digest::of(root))
    }

    /// Whether `root` is the SHA-256 of the certificate that the code speaks of.
    #[must_use]
    pub fn names(&self, root: &Digest) -> bool {
        root.0[..ROOT_LEN] == self.root
    }

    /// The part of the secret that finds an invitation, so that wrong tries can be counted; 96 secret bits remain.
    #[must_use]
    pub fn handle(&self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.secret;
        [a, b, c, d]
    }

    /// What the relay keeps in place of the secret.
    #[must_use]
    pub fn secret_digest(&self) -> Digest {
        Digest::of(&[SECRET_DOMAIN, &self.secret].concat())
    }

    fn check(&self) -> [u8; CHECK_LEN] {
        CHECK
            .checksum(&[CODE_DOMAIN, &self.secret, &self.root].concat())
            .to_be_bytes()
    }
}

impl fmt::Display for EnrolmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.secret[..], &self.root, &self.check()].concat();
        f.write_str(&grouped(&BASE32.encode(&bytes), GROUP_LEN))
    }
}

/// Without the secret, so that no log holds it.
impl fmt::Debug for EnrolmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnrolmentCode(…)")
    }
}

impl FromStr for EnrolmentCode {
    type Err = CodeError;

    /// Spaces, hyphens and small letters do not matter.
    fn from_str(text: &str) -> Result<Self, CodeError> {
        if text.len() > 200 {
            return Err(CodeError::Shape);
        }
        let bytes = BASE32.decode(text.as_bytes()).map_err(|_| CodeError::Shape)?;
        let (secret, rest) = bytes.split_first_chunk().ok_or(CodeError::Shape)?;
        let (root, check) = rest.split_first_chunk().ok_or(CodeError::Shape)?;
        let code = Self {
            secret: *secret,
            root: *root,
        };
        match check.len() {
            CHECK_LEN if check == code.check() => Ok(code),
            CHECK_LEN => Err(CodeError::Check),
            _ => Err(CodeError::Shape),
        }
    }
}

/// What stands on both screens for a person to compare: the first 120 bits of a key's fingerprint (SHA-256 of its
/// `SubjectPublicKeyInfo`) as six groups of four.
#[must_use]
pub fn key_groups(fingerprint: &Digest) -> String {
    grouped(&BASE32.encode(&fingerprint.0[..15]), 4)
}

fn grouped(text: &str, len: usize) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / len);
    for (index, letter) in text.chars().enumerate() {
        if index > 0 && index % len == 0 {
            out.push('-');
        }
        out.push(letter);
    }
    out
}

/// Bytes that stand as base 64 in JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct Base64(pub Vec<u8>);

impl fmt::Debug for Base64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Base64({} bytes)", self.0.len())
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let bytes = BASE64.decode(text.as_bytes());
        bytes
            .map(Self)
            .map_err(|error| serde::de::Error::custom(format!("this is not base 64: {error}")))
    }
}

/// `POST /enroll`: a device asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolRequest {
    /// The code as the person typed it.
    pub code: Secret,
    /// PKCS #10 request (DER) for a P-256 key, signed with it. Only its public key is looked at.
    pub csr: Base64,
}

/// Answer 202 to [`EnrolRequest`]. Asking again with the same code and key gives the same request and another poll
/// secret, so a lost answer costs nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolAsked {
    /// Names the request in `GET /enroll/{request}`.
    pub request: String,
    /// To be sent as `Authorization: Bearer …` with each poll.
    pub poll: Secret,
    /// Seconds to wait between polls.
    pub poll_seconds: u32,
}

/// Answer 200 to `GET /enroll/{request}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum EnrolStatus {
    /// Nobody has decided yet.
    Waiting,
    /// A person accepted the device.
    Accepted(Box<Enrolled>),
    /// A person refused the device.
    Refused {
        /// What the person said.
        reason: String,
    },
}

/// All that an enrolled device has to remember.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// The device's certificate, then the issuing CA's (DER), as TLS sends them.
    pub chain: Vec<Base64>,
    /// The root certificate (DER); the code names it, so the agent must check it with [`EnrolmentCode::trusts`].
    pub root: Base64,
    /// The key that signs receipts: Ed25519, 32 bytes.
    pub receipt_key: Base64,
    /// Where the MQTT endpoint is: `host:port`.
    pub mqtt: String,
    /// The retailer.
    pub tenant: TenantId,
    /// The store.
    pub store: StoreId,
    /// The device's name from now on.
    pub device: DeviceId,
    /// Which relay.
    pub relay: RelayId,
}

/// Any answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolProblem {
    /// For programs.
    pub problem: EnrolProblemKind,
    /// For people: what is wrong and what to do.
    pub message: String,
}

/// Why enrolling did not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnrolProblemKind {
    /// 400: the body, the code or the certificate request cannot be read.
    Malformed,
    /// 403: the code is unknown, expired, locked or used by another device.
    Code,
    /// 403: there is no such request, or the poll secret is not its.
    Poll,
    /// 413: the body is too large.
    TooLarge,
    /// 429: too many attempts; wait a minute.
    TooMany,
    /// 503: the relay cannot answer now; try again.
    Unavailable,
}

/// A text that no log shows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn example() -> EnrolmentCode {
        EnrolmentCode::new([7; 16], &Digest::of(b"a root certificate"))
    }

    #[test]
    fn the_printed_code_is_eleven_groups_of_five() {
        let printed = example().to_string();
        assert_eq!(printed.len(), 65);
        assert!(printed.split('-').all(|group| group.len() == 5));
        // golden: agents in stores must read the codes of newer relays
        assert_eq!(
            printed,
            "0W3GE-1R70W-3GE1R-70W3G-E1R70-WMT2X-95B80-D2ZMW-2N7E6-73F1B-GBVFR"
        );
    }

    #[test]
    fn a_code_is_read_however_people_type_it() {
        let printed = example().to_string();
        let typed = [
            printed.to_lowercase(),
            printed.replace('-', " "),
            printed.replace('-', ""),
            printed.replace('1', "l").replace('0', "O"),
            format!(" {printed}\r\n"),
        ];
        for text in typed {
            assert_eq!(text.parse(), Ok(example()), "{text}");
        }
    }

    #[test]
    fn texts_of_another_shape_are_refused() {
        let printed = example().to_string();
        for text in [
            "",
            "hello",
            &printed[..60],
            &format!("{printed}-00000"),
            &printed.replace('G', "U"),
            &"0".repeat(10_000),
        ] {
            assert_eq!(text.parse::<EnrolmentCode>(), Err(CodeError::Shape), "{text}");
        }
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let request = EnrolRequest {
            code: Secret(example().to_string()),
            csr: Base64(vec![1, 2, 3]),
        };
        assert_eq!(
            format!("{request:?} {:?}", example()),
            "EnrolRequest { code: Secret(…), csr: Base64(3 bytes) } EnrolmentCode(…)"
        );
    }

    #[test]
    fn the_json_of_every_answer_is_as_documented() {
        let status = |text: &str| serde_json::from_str::<EnrolStatus>(text).unwrap();
        assert_eq!(status(r#"{"state":"waiting"}"#), EnrolStatus::Waiting);
        assert_eq!(
            status(r#"{"state":"refused","reason":"not ours"}"#),
            EnrolStatus::Refused {
                reason: "not ours".into()
            }
        );
        let accepted = r#"{"state":"accepted","chain":["AQI=","Aw=="],"root":"BA==","receipt_key":"BQ==","mqtt":"relay.example:8883","tenant":"acme","store":"s1","device":"d1","relay":"000102030405060708090a0b0c0d0e0f"}"#;
        let parsed = status(accepted);
        assert_eq!(serde_json::to_string(&parsed).unwrap(), accepted);
        let EnrolStatus::Accepted(enrolled) = parsed else {
            panic!("{parsed:?}")
        };
        assert_eq!(enrolled.chain, [Base64(vec![1, 2]), Base64(vec![3])]);
        let problem = EnrolProblem {
            problem: EnrolProblemKind::TooMany,
            message: "wait".into(),
        };
        assert_eq!(
            serde_json::to_string(&problem).unwrap(),
            r#"{"problem":"too_many","message":"wait"}"#
        );
    }

    proptest! {
        #[test]
        fn every_code_survives_printing(secret: [u8; 16], root: [u8; 32]) {
            let code = EnrolmentCode::new(secret, &Digest(root));
            prop_assert_eq!(code.to_string().parse(), Ok(code.clone()));
            prop_assert!(code.names(&Digest(root)));
        }

        #[test]
        fn one_wrong_letter_is_never_another_code(secret: [u8; 16], root: [u8; 32]) {
            let printed = EnrolmentCode::new(secret, &Digest(root)).to_string();
            for (place, was) in printed.char_indices().filter(|(_, was)| *was != '-') {
                for letter in "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars().filter(|letter| *letter != was) {
                    let mut typed = printed.clone();
                    typed.replace_range(place..=place, letter.encode_utf8(&mut [0; 4]));
                    prop_assert!(typed.parse::<EnrolmentCode>().is_err(), "{printed} and {typed}");
                }
            }
        }

        #[test]
        fn two_neighbours_that_changed_places_are_never_another_code(secret: [u8; 16], root: [u8; 32]) {
            let printed = EnrolmentCode::new(secret, &Digest(root)).to_string().replace('-', "");
            for (left, pair) in printed.as_bytes().windows(2).enumerate().filter(|(_, pair)| pair[0] != pair[1]) {
                let swapped = format!("{}{}{}", char::from(pair[1]), char::from(pair[0]), &printed[left + 2..]);
                let typed = format!("{}{swapped}", &printed[..left]);
                prop_assert!(typed.parse::<EnrolmentCode>().is_err(), "{printed} and {typed}");
            }
        }

        #[test]
        fn random_text_never_panics(text: String) {
            prop_assert!(text.parse::<EnrolmentCode>().is_err());
        }

        #[test]
        fn fingerprints_are_six_groups_of_four(fingerprint: [u8; 32]) {
            let groups = key_groups(&Digest(fingerprint));
            prop_assert_eq!(groups.split('-').map(str::len).collect::<Vec<_>>(), [4; 6]);
        }
    }
}
