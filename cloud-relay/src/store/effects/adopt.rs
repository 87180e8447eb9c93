//! Taking over effects that Odoo holds and an older copy of the database does not know.

use rusqlite::params;
use tillwire_relay_core::odoo::{EffectKind, EffectState};

use super::{Effects, Lease, NewEffect, check_fence, get, intend};
use crate::store::{StoreError, audit, days, exceptions, parts, recovery};

/// An effect that was read back.
#[derive(Debug, Clone)]
pub struct Adopted {
    /// As for an intent; the effect is further on.
    pub new: NewEffect,
    /// Name in Odoo.
    pub odoo_name: Option<String>,
    /// JSON: what was read.
    pub readback: String,
    /// Causes of exceptions about an effect that gives way to it.
    pub gone: Vec<String>,
}

/// Whose effects were read back, all of one kind.
#[derive(Debug, Clone)]
pub struct Adoption {
    /// Entries or movements.
    pub kind: EffectKind,
    /// The retailer.
    pub tenant: tillwire_proto::TenantId,
    /// The store.
    pub store: tillwire_proto::StoreId,
    /// All that Odoo holds and that is not known as done.
    pub found: Vec<Adopted>,
    /// Cause of the exception that says that this waits; it is gone then.
    pub waited: String,
}

impl Effects {
    /// Writes down what was read back and ends the store's recovery of this kind, in one transaction; its days are
    /// looked at again. What is there and done is left alone. What is there and was not done gives way: Odoo holds the
    /// key with another content.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the write's.
    pub async fn adopt(&self, lease: &Lease, adoption: Adoption) -> Result<(), StoreError> {
        let (lease, now_ms) = (lease.clone(), self.now_ms());
        self.store
            .write(move |unit| {
                check_fence(unit.db, &lease)?;
                let Adoption {
                    kind,
                    tenant,
                    store,
                    found,
                    waited,
                } = &adoption;
                for one in found {
                    let key = one.new.effect.key.as_str();
                    match get(unit.db, key)? {
                        Some(there) if there.effect.state == EffectState::Done => continue,
                        Some(_) => {
                            parts::forget(unit, key)?;
                            unit.db.execute("DELETE FROM effects WHERE key = ?1", [key])?;
                            for cause in &one.gone {
                                let words = "what Odoo holds was read back";
                                exceptions::close_cause(unit, tenant, cause, words, now_ms)?;
                            }
                        }
                        None => {}
                    }
                    intend(unit, &one.new, now_ms)?;
                    unit.db
                        .prepare_cached(
                            "UPDATE effects SET odoo_name = ?2, readback = ?3, fence = ?4 WHERE key = ?1",
                        )?
                        .execute(params![key, one.odoo_name, one.readback, lease.fence])?;
                    audit(unit, exceptions::BY_RELAY, "read back from Odoo", key, now_ms)?;
                }
                recovery::finish(unit, *kind, tenant, store)?;
                exceptions::close_cause(unit, tenant, waited, "it was read back", now_ms)?;
                days::touch_all(unit, Some((tenant, store)))
            })
            .await
    }
}
