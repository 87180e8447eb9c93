//! Attachments: captured bytes under their SHA-256, packed as they came: in a bundle with others, or by themselves. Pieces
//! wait apart until the whole is there and its digest has been checked.

use rusqlite::{Connection, OptionalExtension, params};
use tillwire_proto::{
    ATTACHMENT_LEN_MAX, AttachmentBundle, AttachmentChunk, AttachmentReceipt, Digest, Envelope, TenantId,
    UP_LEN_MAX,
};

use super::{StoreError, Unit, generation};

/// Stores a piece. Pieces come in order; one that does not continue what is there is answered with what is.
///
/// # Errors
/// [`StoreError::Refused`] when the whole is not what its digest says (its pieces are then forgotten, so that it can
/// be sent again), or the write's.
pub fn put(
    unit: &Unit<'_>,
    tenant: &TenantId,
    piece: &AttachmentChunk,
    now_ms: i64,
) -> Result<AttachmentReceipt, StoreError> {
    let answer = |have, complete| AttachmentReceipt {
        digest: piece.digest,
        have,
        complete,
    };
    if let Some(packed_len) = held(unit.db, tenant, piece.digest)? {
        return Ok(answer(packed_len, true));
    }
    let have: u32 = unit
        .db
        .prepare_cached(
            "SELECT coalesce(max(offset + length(bytes)), 0) FROM attachment_pieces WHERE tenant = ?1 AND digest = ?2",
        )?
        .query_row(params![tenant.as_str(), piece.digest.as_bytes()], |row| row.get(0))?;
    let len = u32::try_from(piece.bytes.0.len()).unwrap_or(u32::MAX);
    let end = piece.offset.saturating_add(len);
    if piece.offset != have || len == 0 || end > piece.packed_len {
        return Ok(answer(have, false));
    }
    if end < piece.packed_len {
        unit.db
            .prepare_cached(
                "INSERT INTO attachment_pieces (tenant, digest, offset, received_ms, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![tenant.as_str(), piece.digest.as_bytes(), piece.offset, now_ms, piece.bytes.0])?;
        return Ok(answer(end, false));
    }
    finish(unit, tenant, piece, now_ms)?;
    Ok(answer(piece.packed_len, true))
}

/// Stores a bundle, as one, when it brings anything that is not here yet; returns how many that were.
///
/// # Errors
/// The write's.
pub fn put_bundle(
    unit: &Unit<'_>,
    tenant: &TenantId,
    sealed: &[u8],
    digests: &[Digest],
    now_ms: i64,
) -> Result<u64, StoreError> {
    let mut fresh = Vec::with_capacity(digests.len());
    for digest in digests {
        if held(unit.db, tenant, *digest)?.is_none() {
            fresh.push(digest);
        }
    }
    if fresh.is_empty() {
        return Ok(0);
    }
    unit.db
        .prepare_cached("INSERT INTO attachment_bundles (received_ms, sealed) VALUES (?1, ?2)")?
        .execute(params![now_ms, sealed])?;
    let id = unit.db.last_insert_rowid();
    let mut insert = unit.db.prepare_cached(
        "INSERT OR IGNORE INTO bundled_attachments (tenant, digest, bundle) VALUES (?1, ?2, ?3)",
    )?;
    let mut stored = 0;
    for digest in fresh {
        stored += insert.execute(params![tenant.as_str(), digest.as_bytes(), id])?;
    }
    generation::count_attachments(unit.db, stored as u64)?;
    Ok(stored as u64)
}

fn finish(unit: &Unit<'_>, tenant: &TenantId, last: &AttachmentChunk, now_ms: i64) -> Result<(), StoreError> {
    let mut packed = Vec::with_capacity(last.packed_len as usize);
    let mut statement = unit.db.prepare_cached(
        "SELECT bytes FROM attachment_pieces WHERE tenant = ?1 AND digest = ?2 ORDER BY offset",
    )?;
    let mut rows = statement.query(params![tenant.as_str(), last.digest.as_bytes()])?;
    while let Some(row) = rows.next()? {
        packed.extend_from_slice(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
    }
    drop(rows);
    packed.extend_from_slice(&last.bytes.0);
    let forget = |unit: &Unit<'_>| -> Result<(), StoreError> {
        unit.db
            .prepare_cached("DELETE FROM attachment_pieces WHERE tenant = ?1 AND digest = ?2")?
            .execute(params![tenant.as_str(), last.digest.as_bytes()])?;
        Ok(())
    };
    forget(unit)?;
    check(&packed, last.digest, last.len)?;
    unit.db
        .prepare_cached(
            "INSERT INTO attachments (tenant, digest, len, received_ms, packed) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            tenant.as_str(),
            last.digest.as_bytes(),
            last.len,
            now_ms,
            packed
        ])?;
    Ok(generation::count_attachments(unit.db, 1)?)
}

fn check(packed: &[u8], digest: Digest, len: u32) -> Result<Vec<u8>, StoreError> {
    let wrong = |what: String| StoreError::refused(format!("attachment {digest} {what}"));
    let len = len as usize;
    if len > ATTACHMENT_LEN_MAX {
        return Err(wrong(format!(
            "has {len} bytes, wanted at most {ATTACHMENT_LEN_MAX}"
        )));
    }
    let plain = zstd::bulk::decompress(packed, len).map_err(|e| wrong(format!("does not unpack: {e}")))?;
    let found = Digest::of(&plain);
    if plain.len() != len || found != digest {
        return Err(wrong(format!(
            "unpacks to {} bytes with digest {found}",
            plain.len()
        )));
    }
    Ok(plain)
}

/// Bytes in which an attachment that is whole is kept.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn held(db: &Connection, tenant: &TenantId, digest: Digest) -> Result<Option<u32>, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT length(packed) FROM attachments WHERE tenant = ?1 AND digest = ?2 UNION ALL \
             SELECT length(b.sealed) FROM bundled_attachments a JOIN attachment_bundles b ON b.id = a.bundle \
             WHERE a.tenant = ?1 AND a.digest = ?2 LIMIT 1",
        )?
        .query_row(params![tenant.as_str(), digest.as_bytes()], |row| row.get(0))
        .optional()?)
}

/// The captured bytes, unpacked and checked; `None` while they have not arrived.
///
/// # Errors
/// [`StoreError::Refused`] when the disk changed them.
pub fn get(db: &Connection, tenant: &TenantId, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
    let row: Option<(u32, Vec<u8>)> = db
        .prepare_cached("SELECT len, packed FROM attachments WHERE tenant = ?1 AND digest = ?2")?
        .query_row(params![tenant.as_str(), digest.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    if let Some((len, packed)) = row {
        return check(&packed, digest, len).map(Some);
    }
    let sealed: Option<Vec<u8>> = db
        .prepare_cached(
            "SELECT b.sealed FROM bundled_attachments a JOIN attachment_bundles b ON b.id = a.bundle \
             WHERE a.tenant = ?1 AND a.digest = ?2",
        )?
        .query_row(params![tenant.as_str(), digest.as_bytes()], |row| row.get(0))
        .optional()?;
    sealed
        .map(|sealed| {
            of_bundle(&sealed, digest)
                .map_err(|what| StoreError::refused(format!("attachment {digest} {what}")))
        })
        .transpose()
}

/// One attachment out of a bundle as it was signed, or in words why not.
fn of_bundle(sealed: &[u8], digest: Digest) -> Result<Vec<u8>, String> {
    let bundle: AttachmentBundle = Envelope::open(sealed, UP_LEN_MAX)
        .and_then(|envelope| envelope.decode())
        .map_err(|error| format!("stands in a bundle that cannot be read: {error}"))?;
    let all = bundle
        .unpack()
        .map_err(|error| format!("stands in a bundle that cannot be read: {error}"))?;
    let (_, range) = all
        .parts
        .into_iter()
        .find(|(found, _)| *found == digest)
        .ok_or("is not in its bundle any more")?;
    Ok(all.plain[range].to_vec())
}
