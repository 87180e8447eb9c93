//! Four eyes: one person asks, another allows. What was asked for is done in the very transaction in which it is
//! allowed, so that it happens once or not at all, and never without its two names in the log.

use anyhow::{Context, Result, bail};
use tillwire_proto::{StoreId, TenantId};
use tillwire_relay_core::exception::Decision;
use tillwire_relay_core::people::{Person, Right, second_pair_of_eyes};

use super::{DayOf, Signatory, Signed};
use crate::config::MappingFile;
use crate::mapping::{Change, InForce};
use crate::store::proposals::{self, Act, NewProposal, Proposal, State};
use crate::store::{Store, StoreError, Unit, audit, mappings, people};

/// Whose right it takes, to ask and to allow.
#[must_use]
pub const fn right(act: &Act) -> Right {
    match act {
        Act::Sign { .. } | Act::Reopen => Right::Sign,
        Act::Mapping { .. } => Right::Mapping,
    }
}

/// Where the second person must have that right: a mapping counts for stores beyond the one where a row was missed.
#[must_use]
pub const fn place(proposal: &Proposal) -> Option<(&TenantId, &StoreId)> {
    match proposal.act {
        Act::Sign { .. } | Act::Reopen => Some((&proposal.place.0, &proposal.place.1)),
        Act::Mapping { .. } => None,
    }
}

/// Two names count only while both may: whoever asked must still be here and still have the right.
fn still_asks(unit: &Unit<'_>, proposal: &Proposal) -> Result<(), StoreError> {
    let asker = people::get(unit.db, &proposal.by)?.filter(|one| one.disabled_ms.is_none());
    if asker.is_some_and(|one| one.person.may_over(right(&proposal.act), place(proposal))) {
        return Ok(());
    }
    Err(StoreError::refused(format!(
        "{} may not ask for this any more; refuse it, and let somebody ask who may",
        proposal.by
    )))
}

/// Asks. Returns the number under which others find it.
///
/// # Errors
/// When no reason is given, the same is asked for already, or the store cannot be written.
pub async fn propose(store: &Store, new: NewProposal) -> Result<i64> {
    if new.reason.trim().is_empty() {
        bail!("found no reason, wanted one: the second person decides by it");
    }
    let now_ms = store.clock().now_ms();
    let id = store
        .write(move |unit| {
            let open = proposals::open_of(unit.db, (&new.place.0, &new.place.1), new.day)?;
            if let Some(same) = open.iter().find(|open| open.act == new.act) {
                let words = format!("{} asked for the same already (no. {})", same.by, same.id);
                return Err(StoreError::refused(words));
            }
            let id = proposals::add(unit, &new, now_ms)?;
            let words = format!("no. {id}: {}; {}", new.title, new.reason);
            audit(unit, new.by.as_str(), "asked for a second person", &words, now_ms)?;
            Ok(id)
        })
        .await?;
    Ok(id)
}

/// Allows, and does it.
///
/// # Errors
/// When this person may not, somebody was quicker, or what was asked for cannot be done any more; nothing is changed
/// then.
pub async fn allow(store: &Store, in_force: &InForce, id: i64, second: Person) -> Result<String> {
    let proposal = open(store, id).await?;
    second_pair_of_eyes(&proposal.by, &second, right(&proposal.act), place(&proposal))?;
    let change = match &proposal.act {
        Act::Mapping { text, .. } => {
            in_force.refresh(store).await?;
            let file = MappingFile::read(text.clone(), &format!("the mapping of no. {id}"))?;
            Some(Change::of(in_force, &file)?)
        }
        Act::Sign { .. } | Act::Reopen => None,
    };
    let now_ms = store.clock().now_ms();
    let words = store
        .write(move |unit| {
            still_asks(unit, &proposal)?;
            let who = Signatory {
                by: format!("{}, allowed by {}", proposal.by, second.login),
                reason: proposal.reason.clone(),
                now_ms,
            };
            let words = carry_out(unit, &proposal, change.as_ref(), &who)?;
            if !proposals::decide(unit, id, "allowed", &second.login, &words, now_ms)? {
                return Err(StoreError::refused(format!(
                    "somebody decided on no. {id} meanwhile"
                )));
            }
            let note = format!("no. {id}: {}; {words}", proposal.title);
            audit(unit, second.login.as_str(), "allowed", &note, now_ms)?;
            Ok(words)
        })
        .await?;
    Ok(words)
}

fn carry_out(
    unit: &mut Unit<'_>,
    proposal: &Proposal,
    change: Option<&Change>,
    who: &Signatory,
) -> Result<String, StoreError> {
    let of = || -> Result<DayOf, StoreError> {
        let day = proposal
            .day
            .ok_or_else(|| StoreError::refused("it names no day"))?;
        Ok(DayOf {
            tenant: proposal.place.0.clone(),
            store: proposal.place.1.clone(),
            day,
        })
    };
    match &proposal.act {
        Act::Sign { exceptions } => {
            let which = Signed::These(exceptions.clone());
            let signed = super::sign(unit, &of()?, &which, Decision::GoOn, who)?;
            Ok(format!("signed {}", signed.join("; ")))
        }
        Act::Reopen => {
            let count = super::reopen(unit, &of()?, who)?;
            Ok(format!("took back {count} signatures"))
        }
        Act::Mapping { after, .. } => {
            if mappings::newest_id(unit.db)? != *after {
                return Err(StoreError::refused(
                    "another mapping was put in force since this was asked for; refuse it, and ask again on top of that one",
                ));
            }
            let change = change.ok_or_else(|| StoreError::refused("the mapping was not read"))?;
            change.put(unit, &who.by, &who.reason, who.now_ms)?;
            Ok("the mapping is in force".to_owned())
        }
    }
}

/// Refuses what somebody else asked for, or takes back what one asked for oneself.
///
/// # Errors
/// When this person may not, no reason is given, or somebody was quicker.
pub async fn refuse(store: &Store, id: i64, second: Person, reason: String) -> Result<()> {
    let proposal = open(store, id).await?;
    let own = proposal.by == second.login;
    if !own {
        second_pair_of_eyes(&proposal.by, &second, right(&proposal.act), place(&proposal))?;
        if reason.trim().is_empty() {
            bail!("found no reason, wanted one: {} reads it", proposal.by);
        }
    }
    let now_ms = store.clock().now_ms();
    store
        .write(move |unit| {
            let how = if own { "withdrawn" } else { "refused" };
            if !proposals::decide(unit, id, how, &second.login, &reason, now_ms)? {
                return Err(StoreError::refused(format!(
                    "somebody decided on no. {id} meanwhile"
                )));
            }
            let note = format!("no. {id}: {}; {reason}", proposal.title);
            audit(unit, second.login.as_str(), how, &note, now_ms)
        })
        .await?;
    Ok(())
}

async fn open(store: &Store, id: i64) -> Result<Proposal> {
    let found = store.read(move |db| proposals::get(db, id)).await?;
    let proposal = found.with_context(|| format!("nothing was asked for under no. {id}"))?;
    if let State::Decided { how, by, .. } = &proposal.state {
        bail!("no. {id} was {how} by {by} before");
    }
    Ok(proposal)
}
