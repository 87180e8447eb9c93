//! Who this relay is, and whether its database is older than it was.
//!
//! A database put back from a backup looks sound and knows less than agents were receipted for. Agents send again
//! whatever the relay's hello does not list, but they and the operator should know why; so each such event raises
//! the *generation*, which every receipt carries. It is noticed by a small file beside the database that says how
//! far the database was; an operator who put back both says `run --restored`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

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
    /// What the database had reached, as far as the marker file knows.
    pub before: Extent,
    /// What it has now.
    pub now: Extent,
}

pub(super) struct Identity {
    pub(super) relay: RelayId,
    pub(super) generation: u32,
    pub(super) restored: Option<Restored>,
}

/// The file beside the database: `relay ID generation N batches M effects K attachments L`.
#[derive(Debug)]
pub(super) struct Marker {
    path: PathBuf,
    /// Who writes it replaces it whole, one after the other.
    writing: Mutex<()>,
}

/// How far a database is. No number ever falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// Newest batch of records.
    pub batches: u64,
    /// Newest effect: what is decided without a further record, as time passes, counts too.
    pub effects: u64,
    /// Attachments that were ever stored: they come behind the records, so that a copy may lack nothing else.
    pub attachments: u64,
}

#[derive(Debug, PartialEq, Eq)]
struct Marked {
    relay: RelayId,
    generation: u32,
    extent: Extent,
}

impl Marked {
    fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [
            "relay",
            relay,
            "generation",
            generation,
            "batches",
            batches,
            "effects",
            effects,
            ref more @ ..,
        ] = words[..]
        else {
            return None;
        };
        let attachments = match more {
            // written before attachments were counted: nothing is known of them
            [] => 0,
            ["attachments", count] => count.parse().ok()?,
            _ => return None,
        };
        Some(Self {
            relay: RelayId::from_hex(relay)?,
            generation: generation.parse().ok()?,
            extent: Extent {
                batches: batches.parse().ok()?,
                effects: effects.parse().ok()?,
                attachments,
            },
        })
    }
}

impl Marker {
    pub(super) fn beside(database: &Path) -> Self {
        let mut name = database.file_name().unwrap_or_default().to_owned();
        name.push(".generation");
        Self {
            path: database.with_file_name(name),
            writing: Mutex::new(()),
        }
    }

    /// Replaces the file whole, so that a crash leaves the old or the new one.
    pub(super) fn write(&self, relay: RelayId, generation: u32, extent: Extent) -> Result<()> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Extent {
            batches,
            effects,
            attachments,
        } = extent;
        // a name of its own: the command line may write it in the same moment
        let fresh = self
            .path
            .with_extension(format!("generation.{}", std::process::id()));
        let write = || -> std::io::Result<()> {
            let mut file = fs::File::create(&fresh)?;
            writeln!(
                file,
                "relay {relay} generation {generation} batches {batches} effects {effects} attachments {attachments}"
            )?;
            file.sync_all()?;
            fs::rename(&fresh, &self.path)
        };
        write().with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn read(&self) -> Result<Option<Marked>> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", self.path.display())),
        };
        Marked::parse(&text).map(Some).ok_or_else(|| {
            anyhow!(
                "{} holds {:?}, wanted `relay ID generation N batches M effects K attachments L`; remove it and start with \
                 --restored",
                self.path.display(),
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
        if generation > 0 && judge(relay, generation, extent(connection)?, Some(marked), told)?.is_none() {
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
    let now = extent(&transaction)?;
    let restored = judge(relay, known, now, marked.as_ref(), told)?;
    let generation = restored
        .as_ref()
        .map_or(known.max(1), |restored| restored.generation);
    set(&transaction, "generation", &generation.to_string())?;
    // a fresh database in the place of an old one has forgotten even more
    if restored.is_some() || (known == 0 && marked.is_some()) {
        recovery::begin(&transaction, generation)?;
    }
    transaction.commit()?;
    marker.write(relay, generation, now)?;
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
    now: Extent,
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
    let (generation_before, before) = marked.map_or((0, Extent::default()), |m| (m.generation, m.extent));
    let older = generation_before > known
        || before.batches > now.batches
        || before.effects > now.effects
        || before.attachments > now.attachments;
    Ok((known > 0 && (told || older)).then(|| Restored {
        generation: known.max(generation_before) + 1,
        before,
        now,
    }))
}

/// How far the database is; ids and sequences are never used twice.
pub(super) fn extent(db: &Connection) -> Result<Extent, StoreError> {
    let sql = "SELECT (SELECT coalesce(max(id), 0) FROM batches), (SELECT coalesce(max(sequence), 0) FROM effects), \
               coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'attachments'), 0)";
    Ok(db.prepare_cached(sql)?.query_row([], |row| {
        Ok(Extent {
            batches: row.get(0)?,
            effects: row.get(1)?,
            attachments: row.get(2)?,
        })
    })?)
}

/// Counts attachments that were stored for the first time.
pub(super) fn count_attachments(db: &Connection, fresh: u64) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO meta (key, value) VALUES ('attachments', ?1) \
         ON CONFLICT (key) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + ?1 AS TEXT)",
    )?
    .execute([fresh.to_string()])
    .map(drop)
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
