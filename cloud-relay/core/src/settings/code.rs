//! The names by which Odoo knows things that a mapping points at, checked as far as a text can be.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::SettingsError;

/// An account's code in Odoo's chart, such as `101501`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountCode(String);

impl AccountCode {
    /// One to 64 printable characters without spaces, as Odoo writes codes.
    ///
    /// # Errors
    /// [`SettingsError`] under the key `account`.
    pub fn new(text: &str) -> Result<Self, SettingsError> {
        if (1..=64).contains(&text.len()) && text.chars().all(|c| !c.is_control() && !c.is_whitespace()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(SettingsError::new(
                "account",
                text,
                "an account code of 1 to 64 characters without spaces",
            ))
        }
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for AccountCode {
    type Error = SettingsError;
    fn try_from(text: String) -> Result<Self, SettingsError> {
        Self::new(&text)
    }
}

impl From<AccountCode> for String {
    fn from(code: AccountCode) -> Self {
        code.0
    }
}

/// A name of a journal, a tax or an analytic account: not empty, no control characters, at most 128 bytes.
pub(super) fn name(key: &str, text: &str) -> Result<String, SettingsError> {
    let text = text.trim();
    if (1..=128).contains(&text.len()) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(SettingsError::new(
            key,
            text,
            "a name of 1 to 128 characters as Odoo has it",
        ))
    }
}
