//! `day`: list, show, explain, sign, reopen.

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use serde_json::{Value, json};
use tillwire_proto::{Amount, BusinessDay, RecordNumber, SegmentId};
use tillwire_relay_core::exception::Decision;
use tillwire_relay_core::facts::RecordId;
use tillwire_relay_core::witness::{self, WitnessTable};

use super::exception::shown;
use super::explain;
use super::{Common, Place, moment, open, print_json};
use crate::config::Config;
use crate::days::{Assessed, look};
use crate::desk::{self, DayOf, Signatory, Signed};
use crate::explain::went_to;
use crate::store::Store;
use crate::store::days::{self, DayRow};
use crate::store::effects::{self, StoredEffect};
use crate::store::exceptions::{self, Filter, StoredException};

#[derive(Debug, Subcommand)]
pub(super) enum DayCommand {
    /// Store-days, newest first.
    List {
        /// Only of this store (TENANT/STORE).
        #[arg(long)]
        store: Option<Place>,
        /// Only from this day on.
        #[arg(long)]
        since: Option<BusinessDay>,
        /// Most days to show.
        #[arg(long, default_value_t = 100)]
        most: u32,
    },
    /// One day: state, sums, what holds it, what Odoo was asked.
    Show {
        /// TENANT/STORE
        store: Place,
        /// The business day, such as 2026-11-14.
        day: BusinessDay,
    },
    /// Where each cent comes from and where it went: a day's ledger, or one entry of Odoo, down to tickets and records.
    /// `record show` goes on to the captured bytes.
    Explain {
        /// TENANT/STORE
        store: Option<Place>,
        /// The business day.
        day: Option<BusinessDay>,
        /// An entry instead, by its name in Odoo (`TILL/2026/11/0003`) or its external id.
        #[arg(long, conflicts_with_all = ["store", "day"])]
        entry: Option<String>,
        /// Only what this ticket number adds.
        #[arg(long)]
        ticket: Option<String>,
        /// Only this account.
        #[arg(long)]
        account: Option<String>,
    },
    /// Let a held day go on as it is. Signs what holds it now; anything that comes later holds it again.
    Sign {
        /// TENANT/STORE
        store: Place,
        /// The business day.
        day: BusinessDay,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Only this exception (its number); all that hold the day otherwise.
        #[arg(long)]
        exception: Option<i64>,
        /// Of two versions of a ticket, the record that is right: SEGMENT/NUMBER. Needs --exception.
        #[arg(long = "use", requires = "exception", value_name = "RECORD")]
        choice: Option<String>,
    },
    /// Say that the store did not open on a day, so that nobody waits for its sales. One that sold all the same is
    /// posted as any other.
    Closed {
        /// TENANT/STORE
        store: Place,
        /// The business day.
        day: BusinessDay,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Take back what was signed for a day.
    Reopen {
        /// TENANT/STORE
        store: Place,
        /// The business day.
        day: BusinessDay,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

pub(super) async fn act(common: &Common, command: DayCommand) -> Result<()> {
    let (config, store, _) = open(common).await?;
    match command {
        DayCommand::List {
            store: of,
            since,
            most,
        } => list(common, &store, of, since, most).await,
        DayCommand::Show { store: of, day } => show(common, &config, &store, of, day).await,
        DayCommand::Explain {
            store: of,
            day,
            entry,
            ticket,
            account,
        } => {
            let only = explain::Only { ticket, account };
            if let Some(name) = entry {
                return explain::entry(common, &store, &name, &only).await;
            }
            let (of, day) = explain::place(of, day)?;
            let (_, seen) = seen(&config, &store, of.clone(), day).await?;
            let wanted = only.clone();
            let went = store
                .read(move |db| went_to(db, (&of.tenant, &of.store, day), |part| wanted.wants(part)))
                .await?;
            explain::day(common, &seen, &went, &only)
        }
        DayCommand::Sign {
            store: of,
            day,
            reason,
            exception,
            choice,
        } => {
            let decision = match choice {
                Some(text) => Decision::Use(record(&text)?),
                None => Decision::GoOn,
            };
            sign(common, &store, of, day, reason, exception, decision).await
        }
        DayCommand::Closed {
            store: of,
            day,
            reason,
        } => closed(common, &config, &store, of, day, reason).await,
        DayCommand::Reopen {
            store: of,
            day,
            reason,
        } => reopen(common, &store, of, day, reason).await,
    }
}

pub(super) fn record(text: &str) -> Result<RecordId> {
    let parsed = text.split_once('/').and_then(|(segment, number)| {
        Some(RecordId {
            segment: SegmentId::from_hex(segment)?,
            number: RecordNumber(number.parse().ok()?),
        })
    });
    parsed.with_context(|| format!("found {text:?}, wanted SEGMENT/NUMBER as `exception show` prints it"))
}

async fn list(
    common: &Common,
    store: &Store,
    of: Option<Place>,
    since: Option<BusinessDay>,
    most: u32,
) -> Result<()> {
    let rows = store
        .read(move |db| days::list(db, of.as_ref().map(|of| (&of.tenant, &of.store)), since, most))
        .await?;
    if common.json {
        return print_json(&rows.iter().map(row_json).collect::<Vec<_>>());
    }
    for row in &rows {
        let sums = |amount: Option<Amount>| amount.map_or_else(|| "-".to_owned(), |a| a.to_string());
        println!(
            "{} {}/{}  {:<9} {:>6} tickets  net {}  tax {}  r{}{}",
            row.day,
            row.tenant,
            row.store,
            row.state,
            row.trades,
            sums(row.net),
            sums(row.tax),
            row.revision,
            if row.blockers > 0 {
                format!("  held by {}", row.blockers)
            } else {
                String::new()
            }
        );
    }
    Ok(())
}

fn row_json(row: &DayRow) -> Value {
    json!({
        "tenant": row.tenant, "store": row.store, "day": row.day, "state": row.state, "trades": row.trades,
        "net": row.net.map(|a| a.decimal()), "tax": row.tax.map(|a| a.decimal()),
        "total": row.total.map(|a| a.decimal()), "over_short": row.over_short.map(|a| a.decimal()),
        "currency": row.net.map(|a| a.currency().code()), "revision": row.revision, "blockers": row.blockers,
        "assessed": row.assessed_ms.map(moment), "up_to_date": row.dirty == 0,
    })
}

async fn find(store: &Store, of: &Place, day: BusinessDay) -> Result<DayRow> {
    let place = of.clone();
    let row = store
        .read(move |db| days::get(db, &place.tenant, &place.store, day))
        .await?;
    row.with_context(|| format!("nothing is known of {}/{} on {day}", of.tenant, of.store))
}

async fn seen(config: &Config, store: &Store, of: Place, day: BusinessDay) -> Result<(DayRow, Assessed)> {
    let row = find(store, &of, day).await?;
    let settings = config.stores.store(&of.tenant, &of.store).cloned();
    let settings =
        settings.with_context(|| format!("no [[store]] {}/{} is configured", of.tenant, of.store))?;
    let now_ms = store.clock().now_ms();
    let day = row.clone();
    let seen = store.read(move |db| look(db, &day, &settings, now_ms)).await?;
    Ok((row, seen))
}

/// What each witness counts, and the first things that they do not agree on.
fn witnesses(table: &WitnessTable) {
    let figure = |amount: Option<Amount>| amount.map_or_else(|| "-".to_owned(), |amount| amount.decimal());
    for column in &table.columns {
        println!(
            "  told by the {:<9} {:>6}  total {:>12}  tax {:>10}  card {:>12}  cash {:>12}",
            witness::name(column.witness),
            column.count,
            figure(column.total),
            figure(column.tax),
            figure(column.card),
            figure(column.cash)
        );
    }
    for one in table.disagreements.iter().take(20) {
        let ticket = one.ticket.as_ref().map_or("-", |ticket| ticket.as_str());
        println!(
            "  ticket {ticket} at {} of {}: {}",
            one.register,
            one.amount,
            one.what.words()
        );
    }
    if table.disagreements.len() > 20 {
        println!(
            "  and {} more; --json has them all",
            table.disagreements.len() - 20
        );
    }
}

async fn show(common: &Common, config: &Config, store: &Store, of: Place, day: BusinessDay) -> Result<()> {
    let (row, seen) = seen(config, store, of.clone(), day).await?;
    let (open, asked): (Vec<StoredException>, Vec<StoredEffect>) = store
        .read(move |db| {
            let filter = Filter {
                store: Some((of.tenant.clone(), of.store.clone())),
                day: Some(day),
                ..Filter::default()
            };
            Ok((
                exceptions::list(db, &filter)?,
                effects::of_day(db, &of.tenant, &of.store, day)?,
            ))
        })
        .await?;
    if common.json {
        let lines: Vec<Value> = seen
            .assessment
            .ledger
            .lines()
            .map(|(key, line)| json!({ "account": key.account, "label": key.label, "amount": line.amount.decimal() }))
            .collect();
        return print_json(&json!({
            "day": row_json(&row), "waiting": seen.assessment.waiting, "ledger": lines,
            "exceptions": open.iter().map(shown).collect::<Vec<_>>(),
            "witnesses": seen.assessment.witnesses,
            "effects": asked.iter().map(effect_json).collect::<Vec<_>>(), "signatures": seen.signatures,
        }));
    }
    println!("{}/{} {}: {}", row.tenant, row.store, row.day, row.state);
    for reason in &seen.assessment.waiting {
        println!("  waits: {reason}");
    }
    let total = &seen.assessment.total;
    println!(
        "  {} tickets, net {}, tax {}, tips {}",
        total.trades, total.net, total.tax, total.tip
    );
    for register in &seen.assessment.registers {
        let closed = if register.closed { "closed" } else { "open" };
        let drawer = register.drawer.as_ref().and_then(|drawer| drawer.over_short);
        let drawer = drawer.map_or_else(String::new, |amount| format!(", over/short {amount}"));
        println!(
            "  {}: {closed}, {} tickets{drawer}",
            register.register, register.tally.trades
        );
    }
    for (key, line) in seen.assessment.ledger.lines() {
        println!(
            "  {:<12} {:>16}  {}",
            key.account.to_string(),
            line.amount.to_string(),
            key.label
        );
    }
    witnesses(&seen.assessment.witnesses);
    for signature in &seen.signatures {
        println!(
            "  signed by {}: {} ({})",
            signature.by, signature.cause, signature.reason
        );
    }
    for one in &open {
        println!(
            "  exception {}: {}: {}",
            one.id, one.draft.title, one.draft.detail
        );
    }
    for one in &asked {
        let name = one.odoo_name.as_deref().unwrap_or("");
        let why = one.effect.reason.as_deref().unwrap_or("");
        println!(
            "  {} {} {name} {why}",
            effects::word(one.effect.state),
            one.effect.key
        );
    }
    Ok(())
}

fn effect_json(one: &StoredEffect) -> Value {
    json!({
        "key": one.effect.key, "kind": effects::kind_word(one.effect.payload.kind()),
        "state": effects::word(one.effect.state), "odoo_id": one.effect.document, "odoo_name": one.odoo_name,
        "reason": one.effect.reason, "attempts": one.effect.attempts,
    })
}

async fn sign(
    common: &Common,
    store: &Store,
    of: Place,
    day: BusinessDay,
    reason: String,
    only: Option<i64>,
    decision: Decision,
) -> Result<()> {
    find(store, &of, day).await?;
    let (of, who) = (day_of(of, day), signatory(common, store, reason));
    let which = only.map_or(Signed::All, |id| Signed::These(vec![id]));
    let signed = store
        .write(move |unit| desk::sign(unit, &of, &which, decision, &who))
        .await?;
    for one in signed {
        println!("signed {one}");
    }
    Ok(())
}

fn day_of(of: Place, day: BusinessDay) -> DayOf {
    DayOf {
        tenant: of.tenant,
        store: of.store,
        day,
    }
}

fn signatory(common: &Common, store: &Store, reason: String) -> Signatory {
    Signatory {
        by: common.by.clone(),
        reason,
        now_ms: store.clock().now_ms(),
    }
}

async fn closed(
    common: &Common,
    config: &Config,
    store: &Store,
    of: Place,
    day: BusinessDay,
    reason: String,
) -> Result<()> {
    let settings = config.stores.store(&of.tenant, &of.store);
    let settings =
        settings.with_context(|| format!("no [[store]] {}/{} is configured", of.tenant, of.store))?;
    let who = signatory(common, store, reason);
    if day >= settings.day_at_ms(who.now_ms) {
        bail!(
            "{day} is not over at {}/{}; say so afterwards",
            of.tenant,
            of.store
        );
    }
    let place = day_of(of.clone(), day);
    store.write(move |unit| desk::closed(unit, &place, &who)).await?;
    println!("{}/{} did not open on {day}", of.tenant, of.store);
    Ok(())
}

async fn reopen(common: &Common, store: &Store, of: Place, day: BusinessDay, reason: String) -> Result<()> {
    find(store, &of, day).await?;
    let (of, who) = (day_of(of, day), signatory(common, store, reason));
    let count = store.write(move |unit| desk::reopen(unit, &of, &who)).await?;
    println!("took back {count} signatures; what was posted stays, corrections are further postings");
    Ok(())
}
