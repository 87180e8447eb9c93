//! Rows of people: who may sign in, their one-time codes and sessions. Secrets are here as digests only.

use rusqlite::{Connection, OptionalExtension, Row, params};
use tillwire_proto::Digest;
use tillwire_relay_core::people::{Login, Person, Role};

use super::{StoreError, Unit, column};

/// A person as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPerson {
    /// Who, what and where.
    pub person: Person,
    /// Argon2id as a PHC string; `None` until they chose a password.
    pub password: Option<String>,
    /// When they were invited, in milliseconds since 1970.
    pub created_ms: i64,
    /// By whom.
    pub created_by: String,
    /// Since when they may not sign in.
    pub disabled_ms: Option<i64>,
    /// When a session of theirs was last used.
    pub seen_ms: Option<i64>,
}

const SELECT: &str = "SELECT login, name, roles, scope, password, created_ms, created_by, disabled_ms, \
                      (SELECT max(seen_ms) FROM sessions WHERE sessions.login = people.login) FROM people";

/// Everybody, by login.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn list(db: &Connection) -> Result<Vec<StoredPerson>, StoreError> {
    let mut statement = db.prepare_cached(&format!("{SELECT} ORDER BY login"))?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// One person.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn get(db: &Connection, login: &Login) -> Result<Option<StoredPerson>, StoreError> {
    Ok(db
        .prepare_cached(&format!("{SELECT} WHERE login = ?1"))?
        .query_row([login.as_str()], read)
        .optional()?)
}

/// Whether anybody was ever let in.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn is_anybody(db: &Connection) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM people)")?
        .query_row([], |row| row.get(0))?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<StoredPerson> {
    Ok(StoredPerson {
        person: person(row)?,
        password: row.get(4)?,
        created_ms: row.get(5)?,
        created_by: row.get(6)?,
        disabled_ms: row.get(7)?,
        seen_ms: row.get(8)?,
    })
}

/// The first four columns: login, name, roles, scope.
fn person(row: &Row<'_>) -> rusqlite::Result<Person> {
    let roles: String = row.get(2)?;
    let roles = roles.split(',').filter(|word| !word.is_empty());
    Ok(Person {
        login: column(row, 0, str::parse)?,
        name: row.get(1)?,
        roles: roles
            .map(|word| word.parse::<Role>())
            .collect::<Result<_, _>>()
            .map_err(|_| super::unreadable(2, "roles with commas between"))?,
        scope: column(row, 3, str::parse)?,
    })
}

fn roles(person: &Person) -> String {
    let names: Vec<&str> = person.roles.iter().map(|role| role.name()).collect();
    names.join(",")
}

/// Adds somebody. False when the login is taken.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn add(unit: &Unit<'_>, person: &Person, by: &str, now_ms: i64) -> Result<bool, StoreError> {
    let added = unit.db.execute(
        "INSERT INTO people (login, name, roles, scope, created_ms, created_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT DO NOTHING",
        params![
            person.login.as_str(),
            person.name,
            roles(person),
            person.scope.to_string(),
            now_ms,
            by
        ],
    )?;
    Ok(added > 0)
}

/// Changes name, roles and scope. False when there is no such login.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn change(unit: &Unit<'_>, person: &Person) -> Result<bool, StoreError> {
    let changed = unit.db.execute(
        "UPDATE people SET name = ?2, roles = ?3, scope = ?4 WHERE login = ?1",
        params![
            person.login.as_str(),
            person.name,
            roles(person),
            person.scope.to_string()
        ],
    )?;
    Ok(changed > 0)
}

/// Lets somebody in no longer (their sessions end), or again. False when that is so already.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn set_disabled(unit: &Unit<'_>, login: &Login, disabled: bool, now_ms: i64) -> Result<bool, StoreError> {
    let at = disabled.then_some(now_ms);
    let changed = unit.db.execute(
        "UPDATE people SET disabled_ms = ?2 WHERE login = ?1 AND (disabled_ms IS NULL) <> (?2 IS NULL)",
        params![login.as_str(), at],
    )?;
    if disabled {
        end_sessions(unit, login, None, now_ms)?;
        withdraw_codes(unit, Some(login), now_ms)?;
        // whoever is let in again later makes new ones: the old may be anywhere by then
        unit.db.execute(
            "UPDATE api_tokens SET ended_ms = ?2 WHERE login = ?1 AND ended_ms IS NULL",
            params![login.as_str(), now_ms],
        )?;
    }
    Ok(changed > 0)
}

/// Whether somebody besides this person may sign in and has this role.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn another_has(db: &Connection, login: &Login, role: Role) -> Result<bool, StoreError> {
    Ok(list(db)?.iter().any(|one| {
        one.person.login != *login && one.disabled_ms.is_none() && one.person.roles.contains(&role)
    }))
}

/// Sets a password; every other session of theirs ends.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn set_password(
    unit: &Unit<'_>,
    login: &Login,
    phc: &str,
    keep: Option<Digest>,
    now_ms: i64,
) -> Result<(), StoreError> {
    let params = params![login.as_str(), phc];
    unit.db
        .execute("UPDATE people SET password = ?2 WHERE login = ?1", params)?;
    withdraw_codes(unit, Some(login), now_ms)?;
    end_sessions(unit, login, keep, now_ms)
}

/// Keeps a one-time code; earlier ones for the same person count no longer. Without a login it is the first person's.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn add_code(
    unit: &Unit<'_>,
    digest: Digest,
    login: Option<&Login>,
    now_ms: i64,
    expires_ms: i64,
) -> Result<(), StoreError> {
    withdraw_codes(unit, login, now_ms)?;
    unit.db.execute(
        "INSERT INTO person_codes (digest, login, created_ms, expires_ms) VALUES (?1, ?2, ?3, ?4)",
        params![digest.0, login.map(Login::as_str), now_ms, expires_ms],
    )?;
    Ok(())
}

fn withdraw_codes(unit: &Unit<'_>, login: Option<&Login>, now_ms: i64) -> Result<(), StoreError> {
    unit.db.execute(
        "UPDATE person_codes SET used_ms = ?2 WHERE login IS ?1 AND used_ms IS NULL",
        params![login.map(Login::as_str), now_ms],
    )?;
    Ok(())
}

/// Whom a code that is still good is for; the inner `None` is the first person.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn code(db: &Connection, digest: Digest, now_ms: i64) -> Result<Option<Option<Login>>, StoreError> {
    let sql = "SELECT login FROM person_codes WHERE digest = ?1 AND used_ms IS NULL AND expires_ms > ?2";
    let read = |row: &Row<'_>| {
        let login: Option<String> = row.get(0)?;
        login.is_some().then(|| column(row, 0, str::parse)).transpose()
    };
    Ok(db
        .prepare_cached(sql)?
        .query_row(params![digest.0, now_ms], read)
        .optional()?)
}

/// Uses a code up. False when it was used meanwhile.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn use_code(unit: &Unit<'_>, digest: Digest, now_ms: i64) -> Result<bool, StoreError> {
    let used = unit.db.execute(
        "UPDATE person_codes SET used_ms = ?2 WHERE digest = ?1 AND used_ms IS NULL AND expires_ms > ?2",
        params![digest.0, now_ms],
    )?;
    Ok(used > 0)
}

/// How long sessions live, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct SessionLife {
    /// Without a request.
    pub idle_ms: i64,
    /// At most.
    pub whole_ms: i64,
}

/// Opens a session.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn open_session(unit: &Unit<'_>, digest: Digest, login: &Login, now_ms: i64) -> Result<(), StoreError> {
    unit.db.execute(
        "INSERT INTO sessions (digest, login, created_ms, seen_ms) VALUES (?1, ?2, ?3, ?3)",
        params![digest.0, login.as_str(), now_ms],
    )?;
    Ok(())
}

/// Who a live session belongs to, and when it was last used.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn session(
    db: &Connection,
    digest: Digest,
    life: SessionLife,
    now_ms: i64,
) -> Result<Option<(Person, i64)>, StoreError> {
    let sql = "SELECT people.login, name, roles, scope, seen_ms FROM sessions JOIN people USING (login) \
               WHERE digest = ?1 AND ended_ms IS NULL AND disabled_ms IS NULL AND seen_ms > ?2 \
               AND sessions.created_ms > ?3";
    Ok(db
        .prepare_cached(sql)?
        .query_row(
            params![digest.0, now_ms - life.idle_ms, now_ms - life.whole_ms],
            |row| Ok((person(row)?, row.get(4)?)),
        )
        .optional()?)
}

/// Notes that a session was used.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn touch_session(unit: &Unit<'_>, digest: Digest, now_ms: i64) -> Result<(), StoreError> {
    unit.db.execute(
        "UPDATE sessions SET seen_ms = max(seen_ms, ?2) WHERE digest = ?1",
        params![digest.0, now_ms],
    )?;
    Ok(())
}

/// Ends a session. Whose it was, when it was still open.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn end_session(unit: &Unit<'_>, digest: Digest, now_ms: i64) -> Result<Option<Login>, StoreError> {
    let sql = "UPDATE sessions SET ended_ms = ?2 WHERE digest = ?1 AND ended_ms IS NULL RETURNING login";
    Ok(unit
        .db
        .prepare_cached(sql)?
        .query_row(params![digest.0, now_ms], |row| column(row, 0, str::parse))
        .optional()?)
}

fn end_sessions(unit: &Unit<'_>, login: &Login, keep: Option<Digest>, now_ms: i64) -> Result<(), StoreError> {
    unit.db.execute(
        "UPDATE sessions SET ended_ms = ?3 WHERE login = ?1 AND ended_ms IS NULL AND digest IS NOT ?2",
        params![login.as_str(), keep.map(|digest| digest.0), now_ms],
    )?;
    Ok(())
}

/// A token of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// Whose rights it has.
    pub login: Login,
    /// What it is for.
    pub name: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it ends.
    pub expires_ms: i64,
    /// When it was last used.
    pub seen_ms: Option<i64>,
}

/// Keeps a token. False when this person has a live one of that name.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn add_token(unit: &Unit<'_>, digest: Digest, token: &StoredToken) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM api_tokens WHERE login = ?1 AND name = ?2 AND ended_ms IS NULL \
               AND expires_ms > ?3)";
    let key = params![token.login.as_str(), token.name, token.created_ms];
    if unit.db.query_row(sql, key, |row| row.get(0))? {
        return Ok(false);
    }
    unit.db.execute(
        "INSERT INTO api_tokens (digest, login, name, created_ms, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            digest.0,
            token.login.as_str(),
            token.name,
            token.created_ms,
            token.expires_ms
        ],
    )?;
    Ok(true)
}

/// Live tokens, newest first.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn tokens(db: &Connection, now_ms: i64) -> Result<Vec<StoredToken>, StoreError> {
    let sql = "SELECT login, name, created_ms, expires_ms, seen_ms FROM api_tokens \
               WHERE ended_ms IS NULL AND expires_ms > ?1 ORDER BY created_ms DESC";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([now_ms], |row| {
        Ok(StoredToken {
            login: column(row, 0, str::parse)?,
            name: row.get(1)?,
            created_ms: row.get(2)?,
            expires_ms: row.get(3)?,
            seen_ms: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Ends a token by its name. False when there is no live one.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn end_token(unit: &Unit<'_>, login: &Login, name: &str, now_ms: i64) -> Result<bool, StoreError> {
    let sql = "UPDATE api_tokens SET ended_ms = ?3 WHERE login = ?1 AND name = ?2 AND ended_ms IS NULL";
    Ok(unit.db.execute(sql, params![login.as_str(), name, now_ms])? > 0)
}

/// Whose live token this is, and when it was last used.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn token(
    db: &Connection,
    digest: Digest,
    now_ms: i64,
) -> Result<Option<(Person, Option<i64>)>, StoreError> {
    let sql = "SELECT people.login, people.name, roles, scope, api_tokens.seen_ms FROM api_tokens JOIN people USING (login) \
               WHERE digest = ?1 AND ended_ms IS NULL AND disabled_ms IS NULL AND expires_ms > ?2";
    Ok(db
        .prepare_cached(sql)?
        .query_row(params![digest.0, now_ms], |row| Ok((person(row)?, row.get(4)?)))
        .optional()?)
}

/// Notes that a token was used.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn touch_token(unit: &Unit<'_>, digest: Digest, now_ms: i64) -> Result<(), StoreError> {
    let sql = "UPDATE api_tokens SET seen_ms = ?2 WHERE digest = ?1";
    unit.db.execute(sql, params![digest.0, now_ms])?;
    Ok(())
}

/// Forgets sessions and codes that count no longer, a month after their end.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn forget_old(unit: &Unit<'_>, now_ms: i64) -> Result<(), StoreError> {
    const MONTH_MS: i64 = 30 * 24 * 60 * 60 * 1000;
    let before = now_ms - MONTH_MS;
    unit.db
        .execute("DELETE FROM sessions WHERE seen_ms < ?1", [before])?;
    unit.db
        .execute("DELETE FROM person_codes WHERE expires_ms < ?1", [before])?;
    Ok(())
}
