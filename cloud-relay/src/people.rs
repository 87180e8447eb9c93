//! Who comes in at the pages: passwords, one-time codes, sessions. What a person may is in
//! [`tillwire_relay_core::people`]; this module only makes sure who it is.
//!
//! - There is no default account. While nobody can sign in, each start of the relay writes a one-time code to
//!   [`FIRST_CODE_FILE`] in its folder; with it the first person names themselves and becomes an administrator.
//! - Everybody else is invited by code, so that nobody ever knows another's password.
//! - Passwords are kept as Argon2id, codes and sessions as SHA-256 of what only their holder has.
//! - Guessing is slow for whoever guesses: by address, by login and all together, and only two passwords are computed
//!   at once.

mod password;
mod secret;
mod staff;

use std::net::IpAddr;
use std::sync::Arc;

use tillwire_proto::Digest;
use tillwire_relay_core::people::{Login, Person, Role, Scope, check_password};

use crate::limiter::{BY_ADDRESS, Limiter, Rates};
use crate::store::people::{self as rows, SessionLife};
use crate::store::{Store, StoreError, audit};

pub use secret::{Code, Token};
pub use staff::{change, end_token, invite, invite_again, make_token, prepare_first, set_disabled};

/// Where the first person's code is, in the relay's folder.
pub const FIRST_CODE_FILE: &str = "first-run-code";

/// A session ends after a night away, and after a week whatever happens.
const LIFE: SessionLife = SessionLife {
    idle_ms: 12 * 60 * 60 * 1000,
    whole_ms: 7 * 24 * 60 * 60 * 1000,
};

/// A session's last use is noted when the note is this old.
const TOUCH_MS: i64 = 60 * 1000;

/// Wrong passwords for one login: ten at once, then one in half a minute. Sessions that are open go on.
const BY_LOGIN: Rates = Rates {
    burst_each: 10,
    burst_all: 1000,
    refill_ms: 30_000,
    refill_all: 100,
};

/// Why somebody is not let in, in words for them.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Login or password is wrong; which is not said.
    #[error("this login and password do not go together, or may not sign in")]
    Wrong,
    /// Too many tries.
    #[error("too many tries; wait a minute and try again")]
    TooMany,
    /// The code is used up, too old or none.
    #[error("this code is not good (any more); whoever invited you can make another")]
    Code,
    /// What was chosen does not do; with the reason.
    #[error("{0}")]
    Unfit(String),
    /// The relay cannot say.
    #[error("the relay cannot look it up now; try again")]
    Failed(#[source] anyhow::Error),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// Somebody with an open session.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Who.
    pub person: Person,
    /// Which session.
    pub session: Digest,
    /// What every form of theirs must bring back.
    pub form_token: String,
}

/// The door.
#[derive(Debug)]
pub struct People {
    store: Store,
    by_address: Limiter<IpAddr>,
    by_login: Limiter<String>,
    kitchen: Arc<password::Kitchen>,
}

impl People {
    /// The door of the pages over this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let now_ms = store.clock().now_ms();
        Self {
            store,
            by_address: Limiter::new(BY_ADDRESS, now_ms),
            by_login: Limiter::new(BY_LOGIN, now_ms),
            kitchen: Arc::default(),
        }
    }

    fn now_ms(&self) -> i64 {
        self.store.clock().now_ms()
    }

    /// Opens a session.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn sign_in(
        &self,
        login: &str,
        password: String,
        address: Option<IpAddr>,
    ) -> Result<Token, Refused> {
        let now_ms = self.now_ms();
        if !self.by_address.allow(address, now_ms) {
            return Err(Refused::TooMany);
        }
        let Ok(login) = login.parse::<Login>() else {
            self.kitchen.check(None, password).await?;
            return Err(Refused::Wrong);
        };
        if !self.by_login.allow(Some(login.to_string()), now_ms) {
            return Err(Refused::TooMany);
        }
        let asked = login.clone();
        let found = self.store.read(move |db| rows::get(db, &asked)).await?;
        let known = found.filter(|found| found.disabled_ms.is_none());
        let phc = known.as_ref().and_then(|found| found.password.clone());
        // an unknown login takes the same time as a wrong password
        if !self.kitchen.check(phc, password).await? {
            if known.is_some() {
                let from = address.map_or_else(|| "an unknown address".to_owned(), |a| a.to_string());
                self.note(&login, "sign-in failed", format!("from {from}"))
                    .await?;
            } else {
                tracing::info!("somebody tried to sign in as {login}, whom nobody let in");
            }
            return Err(Refused::Wrong);
        }
        self.open(login, address).await
    }

    async fn open(&self, login: Login, address: Option<IpAddr>) -> Result<Token, Refused> {
        let token = Token::new().map_err(Refused::Failed)?;
        let (digest, now_ms) = (token.digest(), self.now_ms());
        let from = address.map_or_else(|| "an unknown address".to_owned(), |a| a.to_string());
        self.store
            .write(move |unit| {
                rows::open_session(unit, digest, &login, now_ms)?;
                audit(unit, login.as_str(), "signed in", &format!("from {from}"), now_ms)
            })
            .await?;
        Ok(token)
    }

    async fn note(&self, login: &Login, what: &'static str, detail: String) -> Result<(), StoreError> {
        let (login, now_ms) = (login.clone(), self.now_ms());
        self.store
            .write(move |unit| audit(unit, login.as_str(), what, &detail, now_ms))
            .await
    }

    /// Whose session a cookie stands for.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn visitor(&self, token: &Token) -> Result<Option<Visitor>, StoreError> {
        let (digest, now_ms) = (token.digest(), self.now_ms());
        let found = self
            .store
            .read(move |db| rows::session(db, digest, LIFE, now_ms))
            .await?;
        let Some((person, seen_ms)) = found else {
            return Ok(None);
        };
        if now_ms - seen_ms > TOUCH_MS {
            self.store
                .write(move |unit| rows::touch_session(unit, digest, now_ms))
                .await?;
        }
        Ok(Some(Visitor {
            person,
            session: digest,
            form_token: token.form_token(),
        }))
    }

    /// Whose token a program carries. It has the person's rights, and can do nothing: its forms are never taken.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn program(&self, token: &Token) -> Result<Option<Visitor>, StoreError> {
        let (digest, now_ms) = (token.digest(), self.now_ms());
        let found = self.store.read(move |db| rows::token(db, digest, now_ms)).await?;
        let Some((person, seen_ms)) = found else {
            return Ok(None);
        };
        if seen_ms.is_none_or(|seen_ms| now_ms - seen_ms > TOUCH_MS) {
            self.store
                .write(move |unit| rows::touch_token(unit, digest, now_ms))
                .await?;
        }
        let nobody_knows = crate::random::<32>().map_err(|error| StoreError::refused(error.to_string()))?;
        Ok(Some(Visitor {
            person,
            session: digest,
            form_token: data_encoding::HEXLOWER.encode(&nobody_knows),
        }))
    }

    /// Whether a session is still open. Does not count as use.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn is_open(&self, session: Digest) -> Result<bool, StoreError> {
        let now_ms = self.now_ms();
        let found = self
            .store
            .read(move |db| rows::session(db, session, LIFE, now_ms))
            .await?;
        Ok(found.is_some())
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn sign_out(&self, session: Digest) -> Result<(), StoreError> {
        let now_ms = self.now_ms();
        self.store
            .write(move |unit| {
                if let Some(login) = rows::end_session(unit, session, now_ms)? {
                    audit(unit, login.as_str(), "signed out", "", now_ms)?;
                }
                Ok(())
            })
            .await
    }

    /// Whom a code is for: `Some(None)` is the first person, who still says their login.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn code_for(&self, code: &str, address: Option<IpAddr>) -> Result<Option<Login>, Refused> {
        if !self.by_address.allow(address, self.now_ms()) {
            return Err(Refused::TooMany);
        }
        let digest = Code::digest_of(code).ok_or(Refused::Code)?;
        let now_ms = self.now_ms();
        let found = self.store.read(move |db| rows::code(db, digest, now_ms)).await?;
        found.ok_or(Refused::Code)
    }

    /// Uses a code: its person chooses a password and is signed in. `login` counts for the first person only.
    ///
    /// # Errors
    /// [`Refused`]; the code stays good unless it was none.
    pub async fn welcome(
        &self,
        code: &str,
        login: &str,
        password: String,
        address: Option<IpAddr>,
    ) -> Result<Token, Refused> {
        let named = self.code_for(code, address).await?;
        let digest = Code::digest_of(code).ok_or(Refused::Code)?;
        let is_first = named.is_none();
        let login = match named {
            Some(login) => login,
            None => login.parse().map_err(|e| Refused::Unfit(format!("{e}")))?,
        };
        check_password(&login, &password).map_err(|e| Refused::Unfit(e.to_string()))?;
        let phc = self.kitchen.hash(password).await?;
        let (who, now_ms) = (login.clone(), self.now_ms());
        let used = self
            .store
            .write(move |unit| {
                if !rows::use_code(unit, digest, now_ms)? {
                    return Ok(false);
                }
                if is_first {
                    if rows::is_anybody(unit.db)? {
                        return Ok(false);
                    }
                    let person = Person {
                        login: who.clone(),
                        name: who.to_string(),
                        roles: [Role::Admin].into(),
                        scope: Scope::Everything,
                    };
                    rows::add(unit, &person, "first-run code", now_ms)?;
                    let words = format!("{who} is the first person, as admin");
                    audit(unit, who.as_str(), "person added", &words, now_ms)?;
                }
                rows::set_password(unit, &who, &phc, None, now_ms)?;
                audit(unit, who.as_str(), "password chosen", "by one-time code", now_ms)?;
                Ok(true)
            })
            .await?;
        if !used {
            return Err(Refused::Code);
        }
        self.open(login, address).await
    }

    /// Changes the visitor's own password. Their other sessions end.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn change_password(&self, visitor: &Visitor, old: String, new: String) -> Result<(), Refused> {
        let (login, now_ms) = (visitor.person.login.clone(), self.now_ms());
        if !self.by_login.allow(Some(login.to_string()), now_ms) {
            return Err(Refused::TooMany);
        }
        check_password(&login, &new).map_err(|e| Refused::Unfit(e.to_string()))?;
        let asked = login.clone();
        let found = self.store.read(move |db| rows::get(db, &asked)).await?;
        if !self
            .kitchen
            .check(found.and_then(|found| found.password), old)
            .await?
        {
            self.note(&login, "password change failed", String::new()).await?;
            return Err(Refused::Wrong);
        }
        let (phc, keep) = (self.kitchen.hash(new).await?, visitor.session);
        self.store
            .write(move |unit| {
                rows::set_password(unit, &login, &phc, Some(keep), now_ms)?;
                audit(
                    unit,
                    login.as_str(),
                    "password changed",
                    "other sessions ended",
                    now_ms,
                )
            })
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
