//! Who may come in: inviting, changing, shutting out, and tokens for their programs.

use anyhow::Result;
use tillwire_relay_core::people::{Login, Person, Role};

use super::FIRST_CODE_FILE;
use super::secret::{Code, Token};
use crate::private_file;
use crate::store::people as rows;
use crate::store::{Store, StoreError, Unit, audit};

/// How long an invitation is good: over a weekend.
const CODE_LIFE_MS: i64 = 3 * 24 * 60 * 60 * 1000;

/// Adds somebody and makes a code with which they choose their password.
///
/// # Errors
/// When the login is taken, the store fails or the system gives no randomness.
pub async fn invite(store: &Store, person: Person, by: &str) -> Result<Code> {
    let code = Code::new()?;
    let (digest, by, now_ms) = (code.digest(), by.to_owned(), store.clock().now_ms());
    store
        .write(move |unit| {
            if !rows::add(unit, &person, &by, now_ms)? {
                let words = format!("there is somebody with the login {} already", person.login);
                return Err(StoreError::refused(words));
            }
            rows::add_code(unit, digest, Some(&person.login), now_ms, now_ms + CODE_LIFE_MS)?;
            audit(unit, &by, "person added", &described(&person), now_ms)
        })
        .await?;
    Ok(code)
}

/// Makes another code for somebody who forgot their password. The old password counts until the code is used.
///
/// # Errors
/// When there is no such person, the store fails or the system gives no randomness.
pub async fn invite_again(store: &Store, login: Login, by: &str) -> Result<Code> {
    let code = Code::new()?;
    let (digest, by, now_ms) = (code.digest(), by.to_owned(), store.clock().now_ms());
    store
        .write(move |unit| {
            known(unit, &login)?;
            rows::add_code(unit, digest, Some(&login), now_ms, now_ms + CODE_LIFE_MS)?;
            audit(unit, &by, "password code made", &format!("for {login}"), now_ms)
        })
        .await?;
    Ok(code)
}

/// Makes a token with which a program reads what this person may see. It is shown once.
///
/// # Errors
/// When there is no such person, a live token has the name, or the system gives no randomness.
pub async fn make_token(store: &Store, login: Login, name: String, days: u16, by: &str) -> Result<Token> {
    let token = Token::new()?;
    let (digest, by, now_ms) = (token.digest(), by.to_owned(), store.clock().now_ms());
    let new = rows::StoredToken {
        login,
        name,
        created_ms: now_ms,
        expires_ms: now_ms + i64::from(days) * 86_400_000,
        seen_ms: None,
    };
    store
        .write(move |unit| {
            known(unit, &new.login)?;
            if !rows::add_token(unit, digest, &new)? {
                let words = format!(
                    "{} has a token called {:?} already; end it first",
                    new.login, new.name
                );
                return Err(StoreError::refused(words));
            }
            audit(
                unit,
                &by,
                "token made",
                &format!("{} for {}", new.name, new.login),
                now_ms,
            )
        })
        .await?;
    Ok(token)
}

/// Ends a token. It counts no more from the next request on.
///
/// # Errors
/// When there is none of that name.
pub async fn end_token(store: &Store, login: Login, name: String, by: &str) -> Result<()> {
    let (by, now_ms) = (by.to_owned(), store.clock().now_ms());
    store
        .write(move |unit| {
            if !rows::end_token(unit, &login, &name, now_ms)? {
                return Err(StoreError::refused(format!(
                    "{login} has no token called {name:?}"
                )));
            }
            audit(unit, &by, "token ended", &format!("{name} of {login}"), now_ms)
        })
        .await?;
    Ok(())
}

/// Changes name, roles and stores of somebody. It counts from their next request on.
///
/// # Errors
/// When there is no such person, or nobody would be left to give rights.
pub async fn change(store: &Store, person: Person, by: &str) -> Result<()> {
    let (by, now_ms) = (by.to_owned(), store.clock().now_ms());
    store
        .write(move |unit| {
            let before = known(unit, &person.login)?;
            if before.person.roles.contains(&Role::Admin) && !person.roles.contains(&Role::Admin) {
                keep_an_admin(unit, &person.login)?;
            }
            rows::change(unit, &person)?;
            let words = format!("{}; before: {}", described(&person), described(&before.person));
            audit(unit, &by, "person changed", &words, now_ms)
        })
        .await?;
    Ok(())
}

/// Lets somebody in no longer, or again. Their sessions, codes and tokens end at once, and do not come back with them.
///
/// # Errors
/// When there is no such person, it is so already, or nobody would be left to give rights.
pub async fn set_disabled(store: &Store, login: Login, disabled: bool, by: &str) -> Result<()> {
    let (by, now_ms) = (by.to_owned(), store.clock().now_ms());
    store
        .write(move |unit| {
            let before = known(unit, &login)?;
            if disabled && before.person.roles.contains(&Role::Admin) {
                keep_an_admin(unit, &login)?;
            }
            if !rows::set_disabled(unit, &login, disabled, now_ms)? {
                let words = if disabled { "shut out" } else { "let in" };
                return Err(StoreError::refused(format!("{login} is {words} already")));
            }
            let what = if disabled {
                "person shut out"
            } else {
                "person let in again"
            };
            audit(unit, &by, what, login.as_str(), now_ms)
        })
        .await?;
    Ok(())
}

fn known(unit: &Unit<'_>, login: &Login) -> Result<rows::StoredPerson, StoreError> {
    let found = rows::get(unit.db, login)?;
    found.ok_or_else(|| StoreError::refused(format!("there is nobody with the login {login}")))
}

fn keep_an_admin(unit: &Unit<'_>, login: &Login) -> Result<(), StoreError> {
    if rows::another_has(unit.db, login, Role::Admin)? {
        return Ok(());
    }
    let words = format!("{login} is the only admin; make somebody else one first");
    Err(StoreError::refused(words))
}

/// A person in one line of the log.
fn described(person: &Person) -> String {
    let roles: Vec<&str> = person.roles.iter().map(|role| role.name()).collect();
    format!("{} as {} at {}", person.login, roles.join(", "), person.scope)
}

/// While nobody can sign in: makes a new code for the first person and writes it to a file that only this user reads.
/// Removes the file once somebody can. Returns whether it waits for the first person.
///
/// # Errors
/// When the store or the file cannot be written.
pub async fn prepare_first(store: &Store, folder: &std::path::Path) -> Result<bool> {
    let path = folder.join(FIRST_CODE_FILE);
    if store.read(rows::is_anybody).await? {
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("cannot remove {}, whose code is used up: {error}", path.display());
        }
        return Ok(false);
    }
    let code = Code::new()?;
    let (digest, now_ms) = (code.digest(), store.clock().now_ms());
    store
        .write(move |unit| rows::add_code(unit, digest, None, now_ms, i64::MAX))
        .await?;
    private_file::write(&path, format!("{code}\n").as_bytes())?;
    Ok(true)
}
