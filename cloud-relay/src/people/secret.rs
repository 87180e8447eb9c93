//! What only its holder has: a session's token and a one-time code. The store sees their digests.

use std::fmt;

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use ring::hmac;
use tillwire_proto::Digest;
use zeroize::Zeroizing;

/// Random bytes of a code: 16 letters and digits, 80 bits.
const CODE_BYTES: usize = 10;

/// A session's secret: the cookie's value.
pub struct Token(Zeroizing<[u8; 32]>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self(Zeroizing::new(crate::random()?)))
    }

    /// From a cookie; `None` when it is none of ours.
    #[must_use]
    pub fn from_cookie(value: &str) -> Option<Self> {
        let bytes = HEXLOWER.decode(value.as_bytes()).ok()?;
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// As the cookie holds it.
    #[must_use]
    pub fn cookie(&self) -> String {
        HEXLOWER.encode(&*self.0)
    }

    /// Under which the store knows it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&*self.0)
    }

    /// What the forms of this session carry: whoever cannot read the session's pages cannot know it.
    #[must_use]
    pub fn form_token(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*self.0);
        HEXLOWER.encode(hmac::sign(&key, b"tillwire form").as_ref())
    }
}

/// A one-time code: `ABCD-EFGH-IJKL-MNOP`. Shown once.
pub struct Code([u8; CODE_BYTES]);

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code")
    }
}

impl Code {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self(crate::random()?))
    }

    /// Under which the store knows it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }

    /// The digest of a code as a person typed it: case, dashes and spaces do not matter. `None` when it is none.
    #[must_use]
    pub fn digest_of(typed: &str) -> Option<Digest> {
        let letters: String = typed
            .chars()
            .take(64)
            .filter(|c| !c.is_whitespace() && *c != '-')
            .map(|c| match c.to_ascii_uppercase() {
                // what people read for letters that look so
                '0' => 'O',
                '1' => 'I',
                '8' => 'B',
                other => other,
            })
            .collect();
        let bytes = BASE32_NOPAD.decode(letters.as_bytes()).ok()?;
        let bytes: [u8; CODE_BYTES] = bytes.try_into().ok()?;
        Some(Digest::of(&bytes))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = BASE32_NOPAD.encode(&self.0);
        for (i, part) in text.as_bytes().chunks(4).enumerate() {
            let dash = if i > 0 { "-" } else { "" };
            write!(f, "{dash}{}", String::from_utf8_lossy(part))?;
        }
        Ok(())
    }
}
