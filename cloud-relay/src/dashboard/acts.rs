//! What is done on the pages: exceptions, days, devices, and what needs a second person. Each act asks for the right at
//! the very store, then goes the way that the command line goes.

pub(super) mod approvals;
pub(super) mod many;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use maud::{Markup, html};
use tillwire_proto::{BusinessDay, DeviceId, Digest, StoreId, TenantId};
use tillwire_relay_core::people::{Person, Right};

use super::answers::sentence;
use super::door::{Filled, Guest, go_to, not_done};
use super::html::{self as frame, Section};
use super::{Inside, Pages, broken, missing};
use crate::desk::fix::{Fixed, Row, fixed};
use crate::desk::{self, DayOf, Signatory, four_eyes};
use crate::mapping::{self, StorePreview};
use crate::store::exceptions::{self, StoredException};
use crate::store::proposals::{Act, NewProposal};
use crate::store::{days, devices};

/// Longest reason that is kept, in characters.
const REASON_LEN_MAX: usize = 1000;

/// Who does something, where it is done.
struct Doer<'a> {
    inside: &'a Inside,
    person: &'a Person,
    form: &'a Filled,
}

impl<'a> Doer<'a> {
    fn of(pages: &'a Pages, form: &'a Filled) -> Result<Self, Response> {
        match (&pages.inside, &form.guest.visitor) {
            (Some(inside), Some(visitor)) => Ok(Self {
                inside,
                person: &visitor.person,
                form,
            }),
            _ => Err(missing(&form.guest, "These pages have no login: they only show.")),
        }
    }

    /// The reason, which every decision needs.
    fn signatory(&self, back: &str) -> Result<Signatory, Response> {
        let reason: String = self.form.text("reason").chars().take(REASON_LEN_MAX).collect();
        if reason.is_empty() {
            let why = "Found no reason, wanted one: it goes into the log, and others decide by it.";
            return Err(self.no(StatusCode::UNPROCESSABLE_ENTITY, why, back));
        }
        Ok(Signatory {
            by: self.person.login.to_string(),
            reason,
            now_ms: self.inside.store.clock().now_ms(),
        })
    }

    fn no(&self, status: StatusCode, why: &str, back: &str) -> Response {
        not_done(&self.form.guest, status, why, back)
    }

    fn end(&self, done: anyhow::Result<()>, to: &str, back: &str) -> Response {
        match done {
            Ok(()) => go_to(to),
            Err(error) => self.no(StatusCode::CONFLICT, &words(&error), back),
        }
    }
}

fn words(error: &anyhow::Error) -> String {
    sentence(&format!("{error:#}"))
}

/// An exception that this guest sees and may work on.
async fn worked_on(inside: &Inside, guest: &Guest, id: &str) -> Result<StoredException, Response> {
    let Ok(id) = id.parse::<i64>() else {
        return Err(missing(guest, "An exception's address is /exceptions/NUMBER."));
    };
    let found = inside.store.read(move |db| exceptions::get(db, id)).await;
    let found = found.map_err(|error| broken(guest, &error.into()))?;
    let seen = found.filter(|one| {
        guest.sight.covers(&one.draft.tenant, &one.draft.store)
            && guest.sight.desks.contains(&one.draft.kind.owner())
    });
    let Some(one) = seen else {
        return Err(missing(guest, "There is nothing at this address."));
    };
    guest.needs_at(Right::Exceptions, &one.draft.tenant, &one.draft.store)?;
    Ok(one)
}

pub(super) async fn exception(State(pages): State<Pages>, Path(id): Path<String>, form: Filled) -> Response {
    exception_act(&pages, &id, &form).await.unwrap_or_else(|no| no)
}

async fn exception_act(pages: &Pages, id: &str, form: &Filled) -> Result<Response, Response> {
    let doer = Doer::of(pages, form)?;
    let store = &doer.inside.store;
    let one = worked_on(doer.inside, &form.guest, id).await?;
    let back = format!("/exceptions/{}", one.id);
    match form.text("act") {
        "resolve" => {
            let who = doer.signatory(&back)?;
            Ok(doer.end(desk::resolve(store, &one, who).await, &back, &back))
        }
        "retry" => {
            let settings = doer.inside.in_force.now();
            let done = desk::retry(store, settings, &one, &form.by()).await;
            Ok(doer.end(done.map(drop), &back, &back))
        }
        "fix" => {
            form.guest.needs(Right::Mapping)?;
            let who = doer.signatory(&back)?;
            let asked = match row(form.text("to"), form.text("odoo_tax"), form.text("from")) {
                Ok(row) => fix(doer.inside, &one, &row, &who.by).await,
                Err(error) => Err(error),
            };
            let asked = match asked {
                Ok(fixed) => {
                    let new = NewProposal {
                        act: Act::Mapping {
                            after: fixed.after,
                            text: fixed.file.text,
                        },
                        place: (one.draft.tenant.clone(), one.draft.store.clone()),
                        day: one.draft.day,
                        title: format!("mapping for exception {}: {}", one.id, fixed.added.trim()),
                        reason: who.reason,
                        by: doer.person.login.clone(),
                    };
                    four_eyes::propose(store, new).await.map(drop)
                }
                Err(error) => Err(error),
            };
            Ok(doer.end(asked, "/approvals", &back))
        }
        other => {
            let why = format!("Found act {other:?}, wanted resolve, retry or fix.");
            Err(doer.no(StatusCode::BAD_REQUEST, &why, &back))
        }
    }
}

fn row(to: &str, odoo_tax: &str, from: &str) -> anyhow::Result<Row> {
    anyhow::ensure!(
        !to.is_empty(),
        "found no account or reference, wanted the one that the row points at"
    );
    let from = (!from.is_empty())
        .then(|| from.parse::<BusinessDay>())
        .transpose()?;
    Ok(Row {
        to: to.to_owned(),
        odoo_tax: (!odoo_tax.is_empty()).then(|| odoo_tax.to_owned()),
        from,
    })
}

async fn fix(inside: &Inside, one: &StoredException, row: &Row, author: &str) -> anyhow::Result<Fixed> {
    inside.in_force.refresh(&inside.store).await?;
    let configured = inside.configured_mapping.as_deref();
    fixed(
        configured,
        &inside.store,
        &inside.in_force.now(),
        one,
        row,
        author,
    )
    .await
}

/// `?to=400000&odoo_tax=&from=`
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct OfFix {
    #[serde(default)]
    to: String,
    #[serde(default)]
    odoo_tax: String,
    #[serde(default)]
    from: String,
}

/// What a missing row would do, before anybody is asked.
pub(super) async fn fix_preview(
    State(pages): State<Pages>,
    guest: Guest,
    Path(id): Path<String>,
    Query(of): Query<OfFix>,
) -> Response {
    preview(&pages, &guest, &id, &of).await.unwrap_or_else(|no| no)
}

async fn preview(pages: &Pages, guest: &Guest, id: &str, of: &OfFix) -> Result<Response, Response> {
    guest.needs(Right::Mapping)?;
    let (Some(inside), Some(visitor)) = (&pages.inside, &guest.visitor) else {
        return Err(missing(guest, "These pages have no login: they only show."));
    };
    let one = worked_on(inside, guest, id).await?;
    let back = format!("/exceptions/{}", one.id);
    let no = |error: anyhow::Error| not_done(guest, StatusCode::UNPROCESSABLE_ENTITY, &words(&error), &back);
    let row = row(of.to.trim(), of.odoo_tax.trim(), of.from.trim()).map_err(no)?;
    let fixed = fix(inside, &one, &row, visitor.person.login.as_str())
        .await
        .map_err(no)?;
    let (now, then, now_ms) = (inside.in_force.now(), fixed.then.clone(), pages.clock.now_ms());
    let shown = inside
        .store
        .read(move |db| mapping::preview(db, &now, &then, now_ms))
        .await;
    let shown = shown.map_err(|error| broken(guest, &error.into()))?;
    let body = html! {
        h1 { "What this row would do" }
        section.card {
            div.head { h2 { "The row" } }
            pre { (fixed.added.trim()) }
        }
        (previews(&shown))
        section.card {
            div.head { h2 { "Ask a second person to put it in force" } }
            (guest.form(&back, "stack", &html! {
                input type="hidden" name="act" value="fix";
                input type="hidden" name="to" value=(of.to);
                input type="hidden" name="odoo_tax" value=(of.odoo_tax);
                input type="hidden" name="from" value=(of.from);
                (reason_field())
                div.row { button.button.main type="submit" { "Ask" } a.button href=(back) { "Back" } }
            }))
        }
    };
    let page = frame::page(
        guest,
        Section::Exceptions,
        "Preview",
        Some("Preview"),
        None,
        &body,
    );
    Ok(Html(page.into_string()).into_response())
}

fn previews(all: &[StorePreview]) -> Markup {
    html! {
        section.card {
            div.head { h2 { "Days that are there" } span.count { (all.len()) @if all.len() == 1 { " store" } @else { " stores" } } }
            @if all.is_empty() { p.empty { "No day is booked otherwise." } }
            @else {
                div.scroll tabindex="0" { table {
                    thead { tr { th { "Store" } th.num { "Posts" } th.num { "Amends" } th.num { "Skips, already right" } th.num { "Stay held" } th.num { "Newly held" } th { "Accounts" } } }
                    tbody { @for one in all { tr {
                        th scope="row" { (one.store) span.sub { (one.days) " days" } }
                        td.num { (one.tickets.posts) }
                        td.num { (one.tickets.amends) }
                        td.num { (one.tickets.skips) }
                        td.num { (one.tickets.waits) }
                        td.num { (one.tickets.holds) }
                        td.wide {
                            @for (account, (was, is)) in &one.accounts { div { code { (account) } " " (was) " → " (is) } }
                            @for (cause, count) in &one.clears { div { "clears " (count) " of " (cause) } }
                            @for (cause, count) in &one.raises { div { "raises " (count) " of " (cause) } }
                            @if !one.revisions.is_empty() { div { (one.revisions.len()) " posted days get a further revision" } }
                        }
                    } } }
                } }
            }
        }
    }
}

pub(super) fn reason_field() -> Markup {
    html! {
        label for="reason" { "Reason" }
        textarea #reason name="reason" rows="2" required maxlength=(REASON_LEN_MAX) {}
    }
}

pub(super) async fn day(
    State(pages): State<Pages>,
    Path((tenant, store, day)): Path<(String, String, String)>,
    form: Filled,
) -> Response {
    day_act(&pages, (&tenant, &store, &day), &form)
        .await
        .unwrap_or_else(|no| no)
}

async fn day_act(pages: &Pages, place: (&str, &str, &str), form: &Filled) -> Result<Response, Response> {
    let doer = Doer::of(pages, form)?;
    let (Ok(tenant), Ok(store), Ok(day)) = (
        TenantId::new(place.0),
        StoreId::new(place.1),
        place.2.parse::<BusinessDay>(),
    ) else {
        return Err(missing(
            &form.guest,
            "A store-day's address is /days/TENANT/STORE/2026-11-14.",
        ));
    };
    form.guest.needs_at(Right::Sign, &tenant, &store)?;
    let back = format!("/days/{tenant}/{store}/{day}");
    let of = DayOf { tenant, store, day };
    let who = doer.signatory(&back)?;
    match form.text("act") {
        "sign" => {
            let chosen: Result<Vec<i64>, _> = form.all("exception").map(str::parse).collect();
            let exceptions = match chosen {
                Ok(chosen) if !chosen.is_empty() => chosen,
                _ => {
                    let why = "Found no exception, wanted at least one to sign.";
                    return Err(doer.no(StatusCode::UNPROCESSABLE_ENTITY, why, &back));
                }
            };
            let numbers: Vec<String> = exceptions.iter().map(i64::to_string).collect();
            let title = format!(
                "sign {}/{} {day} as it is (exceptions {})",
                of.tenant,
                of.store,
                numbers.join(", ")
            );
            let done = propose(&doer, &of, Act::Sign { exceptions }, title, who).await;
            Ok(doer.end(done, &back, &back))
        }
        "reopen" => {
            let title = format!("take back what was signed for {}/{} {day}", of.tenant, of.store);
            let done = propose(&doer, &of, Act::Reopen, title, who).await;
            Ok(doer.end(done, &back, &back))
        }
        other => {
            let why = format!("Found act {other:?}, wanted sign or reopen.");
            Err(doer.no(StatusCode::BAD_REQUEST, &why, &back))
        }
    }
}

async fn propose(doer: &Doer<'_>, of: &DayOf, act: Act, title: String, who: Signatory) -> anyhow::Result<()> {
    let place = of.clone();
    let known = doer
        .inside
        .store
        .read(move |db| days::get(db, &place.tenant, &place.store, place.day))
        .await?;
    anyhow::ensure!(known.is_some(), "nothing is known of this day");
    let new = NewProposal {
        act,
        place: (of.tenant.clone(), of.store.clone()),
        day: Some(of.day),
        title,
        reason: who.reason,
        by: doer.person.login.clone(),
    };
    four_eyes::propose(&doer.inside.store, new).await.map(drop)
}

pub(super) async fn fleet(State(pages): State<Pages>, form: Filled) -> Response {
    fleet_act(&pages, &form).await.unwrap_or_else(|no| no)
}

async fn fleet_act(pages: &Pages, form: &Filled) -> Result<Response, Response> {
    const BACK: &str = "/fleet";
    let doer = Doer::of(pages, form)?;
    let bad = |why: &str| doer.no(StatusCode::BAD_REQUEST, why, BACK);
    match form.text("act") {
        act @ ("accept" | "refuse") => {
            let Some(fingerprint) = Digest::from_hex(form.text("fingerprint")) else {
                return Err(bad("Found no fingerprint, wanted 64 hexadecimal digits."));
            };
            let enrolments = &doer.inside.enrolments;
            let waiting = enrolments
                .waiting()
                .await
                .map_err(|error| broken(&form.guest, &error))?;
            let Some(one) = waiting.into_iter().find(|one| one.fingerprint == fingerprint) else {
                let why = "No box waits under this fingerprint any more; somebody was quicker.";
                return Err(doer.no(StatusCode::CONFLICT, why, BACK));
            };
            form.guest.needs_at(Right::Devices, &one.tenant, &one.store)?;
            let done = if act == "accept" {
                enrolments.accept(fingerprint, &form.by()).await.map(drop)
            } else {
                let who = doer.signatory(BACK)?;
                enrolments.refuse(fingerprint, &form.by(), &who.reason).await
            };
            Ok(doer.end(done, BACK, BACK))
        }
        "revoke" => {
            let (Ok(tenant), Ok(device)) = (
                TenantId::new(form.text("tenant")),
                DeviceId::new(form.text("device")),
            ) else {
                return Err(bad("Found no device, wanted its retailer and name."));
            };
            let (of, named) = (tenant.clone(), device.clone());
            let all = doer.inside.store.read(devices::list).await;
            let all = all.map_err(|error| broken(&form.guest, &error.into()))?;
            let Some(row) = all
                .into_iter()
                .find(|row| row.tenant == of && row.device == named)
            else {
                return Err(missing(&form.guest, "There is no such device."));
            };
            form.guest.needs_at(Right::Devices, &row.tenant, &row.store)?;
            let (by, now_ms) = (form.by(), pages.clock.now_ms());
            let done = doer
                .inside
                .store
                .write(move |unit| devices::revoke(unit, &tenant, &device, &by, now_ms))
                .await;
            let done = done.map_err(anyhow::Error::from).and_then(|done| {
                anyhow::ensure!(done, "this device is shut out already");
                Ok(())
            });
            Ok(doer.end(done, BACK, BACK))
        }
        other => Err(bad(&format!(
            "Found act {other:?}, wanted accept, refuse or revoke."
        ))),
    }
}
