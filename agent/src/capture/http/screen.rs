//! The page that the POS opens in a frame beside each ticket: it tells which ticket is on the screen, and hides itself at
//! once. Its secret stands in the address, because an address is all that can be entered in a POS; it opens nothing else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tillwire_agent_core::capture::{screen, tripwire};
use tillwire_proto::{Fact, PosId, RegisterId, Screen};

use super::HttpSource;

/// What the frame shows: nothing. The command is the POS's own (`show`, `hide`, `redirect`).
const PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Tillwire</title>\
                    <script>parent.postMessage('{\"command\":\"hide\",\"params\":{}}','*')</script></html>";

/// That script and nothing else. The POS must be able to frame the page, so that is not restricted.
const POLICY: &str = "default-src 'none'; script-src 'sha256-JJ74X70RZwI5HlVLauVYCGVGfWzkT+IUUYVcD2WIPRo='; base-uri 'none'; form-action 'none'";

/// The ticket that each register showed last: a page that is loaded again says nothing new.
pub(super) type Showing = Mutex<BTreeMap<RegisterId, PosId>>;

pub(super) async fn opened(
    State(source): State<Arc<HttpSource>>,
    Path((register, secret)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let stranger = || (StatusCode::NOT_FOUND, "found no page of this address\n").into_response();
    let Some(guard) = &source.screen_guard else {
        return stranger();
    };
    if guard.admit_secret(secret.as_bytes()).is_err() {
        source.count_stranger();
        return stranger();
    }
    let known = source
        .retail
        .registers
        .values()
        .find(|known| known.as_str() == register);
    let Some(register) = known.cloned() else {
        let words = format!("found register {register:?} in the address, wanted one of this store's\n");
        return (StatusCode::NOT_FOUND, words).into_response();
    };
    let mut raw = query.unwrap_or_default().into_bytes();
    let redactions = tripwire::sweep(&mut raw);
    let read = screen::read(&String::from_utf8_lossy(&raw), &source.retail.store, &register);
    match read {
        Ok(screen) => {
            if is_news(&source.showing, &screen) {
                let fact = Fact::Screen(Box::new(screen));
                // A hint: the cashier's screen does not wait for a full disk.
                let captured = source.captured(fact, raw, redactions.total());
                if let Err(error) = source.sink.append(captured).await {
                    tracing::debug!(%error, "which ticket is on a screen could not be kept");
                }
            }
        }
        Err(error) => tracing::debug!(%error, %register, "an extension page says nothing"),
    }
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, PAGE).into_response()
}

fn is_news(showing: &Showing, screen: &Screen) -> bool {
    let Some(id) = &screen.pos_id else { return false };
    let mut showing = showing.lock().unwrap_or_else(PoisonError::into_inner);
    let before = showing.insert(screen.register.clone(), id.clone());
    before.as_ref() != Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_the_one_script_of_the_page() {
        let script = PAGE
            .split("<script>")
            .nth(1)
            .unwrap()
            .split("</script>")
            .next()
            .unwrap();
        let digest = ring::digest::digest(&ring::digest::SHA256, script.as_bytes());
        let hash = data_encoding::BASE64.encode(digest.as_ref());
        assert!(POLICY.contains(&format!("'sha256-{hash}'")), "wanted {hash}");
    }
}
