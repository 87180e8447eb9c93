//! By which names records can be found.

use rusqlite::{Connection, OptionalExtension as _, params};
use tillwire_proto::{RecordNumber, SegmentId, StoreId, TenantId};
use tillwire_relay_core::facts::RecordId;
use tillwire_relay_core::finding::NameKind;

use super::{StoreError, Unit};

/// A name of a record, in the order in which names lie on disk.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// The name.
    pub name: String,
    /// What it is one of.
    pub kind: NameKind,
    /// The row of the record's segment.
    pub segment: i64,
    /// The record's number in it.
    pub number: RecordNumber,
}

/// A record that goes by a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The name, as kept.
    pub name: String,
    /// What it is one of.
    pub kind: NameKind,
    /// The record.
    pub record: RecordId,
    /// Its retailer.
    pub tenant: TenantId,
    /// Its store.
    pub store: StoreId,
}

/// The last batch whose records can be found.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn position(db: &Connection) -> Result<i64, StoreError> {
    let at: Option<i64> = db
        .prepare_cached("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'named'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(at.unwrap_or(0))
}

/// Notes that records up to this batch can be found.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn advance(unit: &Unit<'_>, batch: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO meta (key, value) VALUES ('named', ?1) \
               ON CONFLICT (key) DO UPDATE SET value = max(CAST(value AS INTEGER), ?1)";
    unit.db.prepare_cached(sql)?.execute([batch])?;
    Ok(())
}

/// Gives records their names. Twice is once.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn add(unit: &Unit<'_>, named: &[Named]) -> Result<(), StoreError> {
    let sql = "INSERT OR IGNORE INTO names (name, kind, segment, number) VALUES (?1, ?2, ?3, ?4)";
    let mut statement = unit.db.prepare_cached(sql)?;
    for one in named {
        let number = i64::try_from(one.number.0).unwrap_or(i64::MAX);
        statement.execute(params![one.name, one.kind.code(), one.segment, number])?;
    }
    Ok(())
}

/// Records whose name is `name`, or begins with it where `starts` is set; the newest first, of one name.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn find(db: &Connection, name: &str, starts: bool, count_max: usize) -> Result<Vec<Hit>, StoreError> {
    let end = if starts {
        format!("{name}\u{10FFFF}")
    } else {
        name.to_owned()
    };
    let sql = "SELECT n.name, n.kind, s.segment, n.number, s.tenant, s.store FROM names n JOIN segments s ON s.id = n.segment \
               WHERE n.name BETWEEN ?1 AND ?2 ORDER BY n.name, n.kind, n.segment DESC, n.number DESC LIMIT ?3";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![name, end, count_max], |row| {
        let kind: u8 = row.get(1)?;
        Ok(Hit {
            name: row.get(0)?,
            kind: NameKind::from_code(kind).ok_or_else(|| super::unreadable(1, "a kind of name"))?,
            record: RecordId {
                segment: super::bytes(row, 2, SegmentId::from_slice, "a segment")?,
                number: RecordNumber(row.get(3)?),
            },
            tenant: super::column(row, 4, TenantId::new)?,
            store: super::column(row, 5, StoreId::new)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
