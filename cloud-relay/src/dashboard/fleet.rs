//! The devices: who asks, who is connected, and how each stands.

use maud::{Markup, html};

use tillwire_proto::enrol::key_groups;
use tillwire_relay_core::people::Right;

use super::door::Guest;
use super::html::{chip, fuel, moment};
use super::view::{DeviceRow, FleetView, WaitingRow};

/// The page's body.
pub(super) fn body(view: &FleetView, guest: &Guest) -> Markup {
    html! {
        h1 { "Fleet" }
        @if !view.waiting.is_empty() { (waiting(&view.waiting, guest)) }
        (devices(&view.devices, guest))
    }
}

fn waiting(rows: &[WaitingRow], guest: &Guest) -> Markup {
    html! {
        section.card aria-labelledby="waiting-title" {
            div.head { h2 #waiting-title { "Waiting to be accepted" } span.count { (rows.len()) } }
            p.lead { "Accept a box only if it shows the same fingerprint." }
            div.scroll tabindex="0" { table {
                thead { tr { th { "Device" } th { "Store" } th { "Fingerprint" } th { "Asked" } th { "To accept" } } }
                tbody { @for row in rows { tr {
                    th scope="row" { (row.device) span.sub { (row.tenant) } }
                    td { (row.store) }
                    td.wide { code { (key_groups(&row.fingerprint)) } span.sub { (row.fingerprint) } }
                    td { (moment(row.asked_ms)) }
                    td {
                        @if guest.may_at(Right::Devices, &row.tenant, &row.store) {
                            (guest.form("/fleet", "inline", &html! {
                                input type="hidden" name="act" value="accept";
                                input type="hidden" name="fingerprint" value=(row.fingerprint);
                                button.button.main type="submit" { "It shows the same: accept" }
                            }))
                            details {
                                summary { "Refuse" }
                                (guest.form("/fleet", "inline", &html! {
                                    input type="hidden" name="act" value="refuse";
                                    input type="hidden" name="fingerprint" value=(row.fingerprint);
                                    input name="reason" required maxlength="200" aria-label="Why; shown at the box" placeholder="Why; shown at the box";
                                    button.button.danger type="submit" { "Refuse" }
                                }))
                            }
                        } @else {
                            code { "tillwire-relay device accept " (key_groups(&row.fingerprint)) }
                        }
                    }
                } } }
            } }
        }
    }
}

fn devices(rows: &[DeviceRow], guest: &Guest) -> Markup {
    html! {
        section.card aria-labelledby="devices-title" {
            div.head { h2 #devices-title { "Devices" } span.count { (rows.len()) } }
            @if rows.is_empty() {
                p.empty { "No device yet. Make a code for one with " code { "tillwire-relay device invite" } "." }
            } @else {
                div.scroll tabindex="0" { table {
                    thead { tr {
                        th { "Device" } th { "State" } th { "Last seen" } th { "Version" } th.num { "Disk" }
                        th { "Holds out" }
                        th.num { "Clock" } th.num { "Backlog" } th { "Lanes" }
                    } }
                    tbody { @for row in rows { (device(row, guest)) } }
                } }
            }
        }
    }
}

fn device(row: &DeviceRow, guest: &Guest) -> Markup {
    html! { tr {
        th scope="row" {
            (row.device) span.sub { (row.tenant) "/" (row.store) }
            @if row.can_be_revoked && guest.visitor.is_some() && guest.may_at(Right::Devices, &row.tenant, &row.store) {
                details {
                    summary { "Shut it out" }
                    (guest.form("/fleet", "inline", &html! {
                        input type="hidden" name="act" value="revoke";
                        input type="hidden" name="tenant" value=(row.tenant);
                        input type="hidden" name="device" value=(row.device);
                        button.button.danger type="submit" { "Shut out for good" }
                    }))
                }
            }
        }
        td.wide { (chip(&row.state)) span.sub { (row.why) } }
        td { @match row.last_seen_ms { Some(at) => (moment(at)), None => span.sub { "never" } } }
        td { (row.version.as_deref().unwrap_or("–")) }
        td.num { @match row.disk_percent { Some(percent) => { (percent) " %" } None => "–" } }
        td { (fuel(row.fuel)) }
        td.num { @match row.clock_offset_ms { Some(ms) => (offset(ms)), None => "–" } }
        td.num { @match row.backlog { Some(records) => (records), None => "–" } }
        td.wide {
            @for lane in &row.lanes { div {
                (lane.lane) " " (chip(&lane.state))
                span.sub {
                    (lane.records) " records of " (lane.segments) @if lane.segments == 1 { " start" } @else { " starts" }
                    ", last " (moment(lane.last_ms))
                }
            } }
        }
    } }
}

/// A clock's distance: `+0.4 s`, `-3 s`, `+2 h`. A note, since nothing is ordered by it.
fn offset(ms: i64) -> String {
    let sign = if ms < 0 { '-' } else { '+' };
    match ms.unsigned_abs() {
        0..100 => "0.0 s".to_owned(),
        small @ 100..10_000 => format!("{sign}{}.{} s", small / 1000, small % 1000 / 100),
        seconds @ 10_000..600_000 => format!("{sign}{} s", seconds / 1000),
        minutes @ 600_000..36_000_000 => format!("{sign}{} min", minutes / 60_000),
        hours => format!("{sign}{} h", hours / 3_600_000),
    }
}

#[cfg(test)]
mod tests {
    use super::offset;

    #[test]
    fn a_clocks_distance_is_told_in_the_unit_that_fits() {
        let told = [-40, -3_240, 59_000, -900_000, 31_536_000_000].map(offset);
        assert_eq!(told, ["0.0 s", "-3.2 s", "+59 s", "-15 min", "+8760 h"]);
    }
}
