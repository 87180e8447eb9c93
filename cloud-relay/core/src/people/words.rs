//! Logins and passwords: which are fit.

use std::fmt;
use std::str::FromStr;

/// Fewest characters of a password.
pub const PASSWORD_LEN_MIN: usize = 12;

/// Most bytes of a password; more only costs time.
pub const PASSWORD_LEN_MAX: usize = 256;

/// Longest login.
const LOGIN_LEN_MAX: usize = 64;

/// Names under which the relay itself writes into the log: nobody signs in as one of them.
const TAKEN: [&str; 3] = ["relay", "configuration", "nobody"];

/// What somebody signs in with: lower-case letters, digits and `.-_@+`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Login(String);

impl Login {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Not a login.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "found {found:?}, wanted a login of 1 to 64 lower-case letters, digits and .-_@+ that the relay does not use itself"
)]
pub struct NoLogin {
    /// As found, cut to what can be shown.
    pub found: String,
}

impl FromStr for Login {
    type Err = NoLogin;
    /// Upper-case letters and spaces around it are forgiven.
    fn from_str(text: &str) -> Result<Self, NoLogin> {
        let login = text.trim().to_ascii_lowercase();
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_@+".contains(c);
        let ok = (1..=LOGIN_LEN_MAX).contains(&login.len()) && login.chars().all(fits);
        if !ok || TAKEN.contains(&login.as_str()) {
            return Err(NoLogin {
                found: text.chars().take(LOGIN_LEN_MAX).collect(),
            });
        }
        Ok(Self(login))
    }
}

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnfitPassword {
    /// Too short to stand against guessing.
    #[error("the password has fewer than {PASSWORD_LEN_MIN} characters")]
    Short,
    /// Longer than anybody types.
    #[error("the password has more than {PASSWORD_LEN_MAX} bytes")]
    Long,
    /// It holds what everybody tries first.
    #[error("the password is the login or the product's name, or one character over and over")]
    Obvious,
}

/// Length counts, not signs of a kind: long words that only this person puts together.
///
/// # Errors
/// [`UnfitPassword`].
pub fn check_password(login: &Login, password: &str) -> Result<(), UnfitPassword> {
    if password.chars().count() < PASSWORD_LEN_MIN {
        return Err(UnfitPassword::Short);
    }
    if password.len() > PASSWORD_LEN_MAX {
        return Err(UnfitPassword::Long);
    }
    let lower = password.to_lowercase();
    let rest = lower.replace(login.as_str(), "").replace("tillwire", "");
    let mut kinds: Vec<char> = lower.chars().collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.len() < 4 || rest.chars().count() < 4 {
        return Err(UnfitPassword::Obvious);
    }
    Ok(())
}
