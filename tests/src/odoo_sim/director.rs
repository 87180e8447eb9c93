//! A test's own hand on every call: it sees each one arrive, may let a person work in Odoo first, decides what goes wrong
//! with it, and hears when its transaction is committed. Rules (see `faults.rs`) say what happens at the nth call; a
//! director decides by what it has seen.

use super::faults::Fault;
use super::hands::Hands;
use super::state::Inner;
use serde_json::Value;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;

/// A call as it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `common` for logins and versions.
    pub model: String,
    pub method: String,
    /// The records that it is about: those that it is called on, or whose lines it reads by a domain that begins with
    /// `[field, "=", id]` or `[field, "in", ids]`.
    pub ids: Vec<i64>,
    /// External id of the first row of a `load()`.
    pub xid: Option<String>,
}

/// Decides about every call.
pub trait Director: Send {
    /// The call has arrived and nothing of it was executed. What it answers goes wrong with the call; with `None` the
    /// rules are asked.
    fn arrives(&mut self, asked: &Asked, hands: &mut Hands<'_, '_>) -> Option<Fault>;

    /// The call was executed, and committed where it succeeded; nobody has its answer yet.
    fn executed(&mut self, asked: &Asked, hands: &mut Hands<'_, '_>);
}

impl Asked {
    /// A question to nobody in particular: `common` or `db`.
    pub(crate) fn plain(model: &str, method: &str) -> Self {
        Self {
            model: model.into(),
            method: method.into(),
            ids: Vec::new(),
            xid: None,
        }
    }

    /// From the arguments in order (`execute_kw`), each of which may be missing.
    pub(crate) fn listed(model: &str, method: &str, args: &[Value]) -> Self {
        Self::of(model, method, args.first(), args.first(), args.get(1))
    }

    /// From arguments by name (JSON-2).
    pub(crate) fn named(model: &str, method: &str, args: &serde_json::Map<String, Value>) -> Self {
        Self::of(
            model,
            method,
            args.get("ids").or_else(|| args.get("domain")),
            args.get("fields"),
            args.get("data"),
        )
    }

    fn of(
        model: &str,
        method: &str,
        about: Option<&Value>,
        fields: Option<&Value>,
        data: Option<&Value>,
    ) -> Self {
        let mut asked = Self::plain(model, method);
        if method == "load" {
            let at = fields
                .and_then(Value::as_array)
                .and_then(|fields| fields.iter().position(|field| field == "id"));
            asked.xid = at.and_then(|at| Some(data?.get(0)?.get(at)?.as_str()?.to_owned()));
        } else {
            asked.ids = about.map(ids).unwrap_or_default();
        }
        asked
    }
}

fn ids(about: &Value) -> Vec<i64> {
    let items = about.as_array().map(Vec::as_slice).unwrap_or_default();
    match items {
        [condition, ..] if condition.is_array() => match (condition.get(1), condition.get(2)) {
            (Some(operator), Some(id)) if operator == "=" => id.as_i64().into_iter().collect(),
            (Some(operator), Some(Value::Array(ids))) if operator == "in" => {
                ids.iter().filter_map(Value::as_i64).collect()
            }
            _ => Vec::new(),
        },
        _ => items.iter().filter_map(Value::as_i64).collect(),
    }
}

/// Calls whose client was told nothing, waiting for others to be faster.
#[derive(Debug)]
pub(crate) struct HeldCalls {
    arrived: watch::Sender<u64>,
    waiting: AtomicUsize,
}

impl Default for HeldCalls {
    fn default() -> Self {
        Self {
            arrived: watch::Sender::new(0),
            waiting: AtomicUsize::new(0),
        }
    }
}

impl HeldCalls {
    pub(crate) fn arrived(&self) {
        self.arrived.send_modify(|calls| *calls += 1);
    }

    /// Returns when `calls` more have arrived, or when all are let go.
    pub(crate) async fn until(&self, calls: u64) {
        let mut arrived = self.arrived.subscribe();
        let target = *arrived.borrow() + calls;
        self.waiting.fetch_add(1, Ordering::AcqRel);
        // the sender lives as long as the simulator
        let _ = arrived.wait_for(|arrived| *arrived >= target).await;
    }

    pub(crate) fn done(&self) {
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }

    /// Lets all that wait go on, and returns when they have.
    pub(crate) async fn let_go(&self) {
        self.arrived.send_modify(|calls| *calls += 1 << 32);
        while self.waiting.load(Ordering::Acquire) > 0 {
            tokio::task::yield_now().await;
        }
    }
}

impl Inner {
    pub(crate) fn direct(&self, asked: &Asked) -> Option<Fault> {
        let mut director = self.director.lock().unwrap_or_else(PoisonError::into_inner);
        let director = director.as_mut()?;
        self.hands(|hands| director.arrives(asked, hands))
    }

    pub(crate) fn executed(&self, asked: &Asked) {
        let mut director = self.director.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(director) = director.as_mut() {
            self.hands(|hands| director.executed(asked, hands));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_protocols_tell_what_a_call_is_about() {
        let look = json!([[["move_id", "=", 7]]]);
        let asked = Asked::listed("account.move.line", "search_read", look.as_array().unwrap());
        assert_eq!(asked.ids, [7]);
        let named = json!({ "domain": [["move_id", "=", 7]] });
        assert_eq!(
            Asked::named("account.move.line", "search_read", named.as_object().unwrap()),
            asked
        );
        let lines = json!({ "domain": [["move_id", "in", [7, 8]], ["account_id", "=", 9]] });
        let asked = Asked::named("account.move.line", "search_read", lines.as_object().unwrap());
        assert_eq!(asked.ids, [7, 8]);
        let post = json!([[3, 4]]);
        let asked = Asked::listed("account.move", "action_post", post.as_array().unwrap());
        assert_eq!(asked.ids, [3, 4]);
        let load = json!([["ref", "id"], [["r", "tillwire.a"], ["", ""]]]);
        let asked = Asked::listed("account.move", "load", load.as_array().unwrap());
        assert_eq!((asked.ids, asked.xid.as_deref()), (vec![], Some("tillwire.a")));
    }
}
