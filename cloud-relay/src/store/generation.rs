//! Who this relay is, and whether its database is older than it was.
//!
//! A database put back from a backup looks sound and knows less than agents were receipted for. Agents send again
//! whatever the relay's hello does not list, but they and the operator should know why; so each such event raises
//! the *generation*, which every receipt carries. It is noticed by a small file beside the database that says how
//! far the database was; an operator who put back both says `run --restored`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use tillwire_proto::RelayId;

use super::error::StoreError;
use super::recovery;

/// An older copy was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The new generation.
    pub generation: u32,
    /// Batches that the database had reached, as far as the marker file knows.
    pub batches_before: u64,
    /// Batches that it has now.
    pub batches_now: u64,
}

pub(super) struct Identity {
    pub(super) relay: RelayId,
    pub(super) generation: u32,
    pub(super) restored: Option<Restored>,
}

/// The file beside the database: `relay ID generation N batches M`.
#[derive(Debug)]
pub(super) struct Marker(PathBuf);

#[derive(Debug, PartialEq, Eq)]
struct Marked {
    relay: RelayId,
    generation: u32,
    batches: u64,
}

impl Marker {
    pub(super) fn beside(database: &Path) -> Self {
        let mut name = database.file_name().unwrap_or_default().to_owned();
        name.push(".generation");
        Self(database.with_file_name(name))
    }

    /// Replaces the file whole, so that a crash leaves the old or the new one.
    pub(super) fn write(&self, relay: RelayId, generation: u32, batches: u64) -> Result<()> {
        // a name of its own: the command line may write it in the same moment
        let fresh = self
            .0
            .with_extension(format!("generation.{}", std::process::id()));
        let write = || -> std::io::Result<()> {
            let mut file = fs::File::create(&fresh)?;
            writeln!(file, "relay {relay} generation {generation} batches {batches}")?;
            file.sync_all()?;
            fs::rename(&fresh, &self.0)
        };
        write().with_context(|| format!("cannot write {}", self.0.display()))
    }

    fn read(&self) -> Result<Option<Marked>> {
        let text = match fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", self.0.display())),
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let parsed = match words[..] {
            ["relay", relay, "generation", generation, "batches", batches] => RelayId::from_hex(relay)
                .zip(generation.parse().ok())
                .zip(batches.parse().ok())
                .map(|((relay, generation), batches)| Marked {
                    relay,
                    generation,
                    batches,
                }),
            _ => None,
        };
        parsed.map(Some).ok_or_else(|| {
            anyhow!(
                "{} holds {:?}, wanted `relay ID generation N batches M`; remove it and start with --restored",
                self.0.display(),
                text.chars().take(80).collect::<String>()
            )
        })
    }
}

/// Reads or makes the identity; raises the generation when the database is older than the marker says. Writes nothing
/// when there is nothing to write, so that a command beside a busy relay waits for nobody.
pub(super) fn settle(connection: &mut Connection, marker: &Marker, told: bool) -> Result<Identity> {
    let marked = marker.read()?;
    if let Some(marked) = &marked
        && let Some(relay) = relay_id(connection)?
    {
        let generation = generation_of(connection)?;
        if generation > 0 && judge(relay, generation, batches(connection)?, Some(marked), told)?.is_none() {
            return Ok(Identity {
                relay,
                generation,
                restored: None,
            });
        }
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let relay = match relay_id(&transaction)? {
        Some(relay) => relay,
        None => {
            let relay = RelayId(crate::random()?);
            set(&transaction, "relay", &relay.to_string())?;
            relay
        }
    };
    let known = generation_of(&transaction)?;
    let batches_now = batches(&transaction)?;
    let restored = judge(relay, known, batches_now, marked.as_ref(), told)?;
    let generation = restored
        .as_ref()
        .map_or(known.max(1), |restored| restored.generation);
    set(&transaction, "generation", &generation.to_string())?;
    // a fresh database in the place of an old one has forgotten even more
    if restored.is_some() || (known == 0 && marked.is_some()) {
        recovery::begin(&transaction, generation)?;
    }
    transaction.commit()?;
    marker.write(relay, generation, batches_now)?;
    Ok(Identity {
        relay,
        generation,
        restored,
    })
}

fn relay_id(db: &Connection) -> Result<Option<RelayId>> {
    let text = get(db, "relay")?;
    text.map(|text| RelayId::from_hex(&text).ok_or_else(|| anyhow!("relay id {text:?} is not one")))
        .transpose()
}

/// 0 when the database is new.
fn generation_of(db: &Connection) -> Result<u32> {
    Ok(get(db, "generation")?.map_or(Ok(0), |text| text.parse())?)
}

fn judge(
    relay: RelayId,
    known: u32,
    batches_now: u64,
    marked: Option<&Marked>,
    told: bool,
) -> Result<Option<Restored>> {
    if let Some(marked) = marked
        && marked.relay != relay
    {
        // a fresh database in the place of an old one is a new relay; another relay's database is a mix-up
        if known == 0 {
            return Ok(None);
        }
        bail!(
            "the database belongs to relay {relay}, the marker file beside it to {}; put the right one in place, \
             or remove the marker file and start with --restored",
            marked.relay
        );
    }
    let (generation_before, batches_before) = marked.map_or((0, 0), |m| (m.generation, m.batches));
    let older = generation_before > known || batches_before > batches_now;
    Ok((known > 0 && (told || older)).then(|| Restored {
        generation: known.max(generation_before) + 1,
        batches_before,
        batches_now,
    }))
}

/// Newest batch id; ids are never used twice.
pub(super) fn batches(db: &Connection) -> Result<u64, StoreError> {
    Ok(db.query_row("SELECT coalesce(max(id), 0) FROM batches", [], |row| row.get(0))?)
}

fn get(db: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    db.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
        .optional()
}

fn set(db: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
        [key, value],
    )?;
    Ok(())
}
