//! Everything behind the doors: database, users and keys, clock, call log; and the one place where a call is executed.

use super::access::Role;
use super::db::Db;
use super::director::{Director, HeldCalls};
use super::dispatch::{self, Args, Reply};
use super::env::Env;
use super::error::{OdooError, Outcome};
use super::faults::Faults;
use super::hands::Hands;
use super::value::{Rec, Val};
use super::version::OdooVersion;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) uid: i64,
    pub(crate) login: String,
    pub(crate) password: String,
    pub(crate) role: Role,
}

#[derive(Debug, Clone)]
pub(crate) struct ApiKey {
    pub(crate) text: String,
    pub(crate) uid: i64,
    /// Seconds since 1970 after which it no longer works.
    pub(crate) expires: Option<i64>,
    /// Its row in `res.users.apikeys`.
    record: i64,
}

/// One call that reached a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    pub model: String,
    pub method: String,
    pub uid: i64,
    /// Class of the exception it ended with, if it did.
    pub error: Option<&'static str>,
}

pub(crate) struct Data {
    pub(crate) db: Db,
    pub(crate) users: Vec<User>,
    pub(crate) keys: Vec<ApiKey>,
    pub(crate) log: Vec<CallRecord>,
    pub(crate) logins: usize,
}

pub(crate) struct Inner {
    pub(crate) version: OdooVersion,
    pub(crate) db_name: String,
    pub(crate) faults: Faults,
    data: Mutex<Data>,
    clock: Mutex<Clock>,
    /// How long every call takes before its transaction starts; overlapping calls then race as on a real server.
    pub(crate) latency: Mutex<Duration>,
    /// How long the first call after a start takes, and whether it is still to come.
    warming: Mutex<(Duration, bool)>,
    /// A test's own hand on every call.
    pub(crate) director: Mutex<Option<Box<dyn Director>>>,
    pub(crate) held: HeldCalls,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("version", &self.version)
            .field("db_name", &self.db_name)
            .finish_non_exhaustive()
    }
}

struct Clock {
    start: Timestamp,
    began: Instant,
    skipped: Duration,
}

/// How many commits there had been when a request arrived. A second execution of it arrives after the first.
#[derive(Debug)]
pub(crate) struct Arrival(AtomicU64);

impl Arrival {
    pub(crate) fn now(inner: &Inner) -> Self {
        Self(AtomicU64::new(inner.commits()))
    }

    pub(crate) fn take(&self) -> u64 {
        self.0.swap(u64::MAX, Ordering::AcqRel)
    }
}

/// What happens in the place of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Instead {
    Error(OdooError),
    /// The action of an app's wizard is answered.
    Wizard,
}

/// A call on its way to a model.
pub(crate) struct Call {
    pub(crate) uid: i64,
    pub(crate) model: String,
    pub(crate) method: String,
    pub(crate) args: Args,
    /// Commits there had been when it arrived.
    pub(crate) began: u64,
}

impl Inner {
    pub(crate) fn new(
        version: OdooVersion,
        db_name: String,
        start: Option<Timestamp>,
        faults: Faults,
    ) -> Self {
        let data = Data {
            db: Db::new(version),
            users: vec![],
            keys: vec![],
            log: vec![],
            logins: 0,
        };
        let clock = Clock {
            start: start.unwrap_or_else(Timestamp::now),
            began: Instant::now(),
            skipped: Duration::ZERO,
        };
        Self {
            version,
            db_name,
            faults,
            data: Mutex::new(data),
            clock: Mutex::new(clock),
            latency: Mutex::new(Duration::ZERO),
            warming: Mutex::new((Duration::ZERO, false)),
            director: Mutex::new(None),
            held: HeldCalls::default(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The simulator's own time: its start plus what has passed and what was skipped.
    pub(crate) fn now(&self) -> Timestamp {
        let clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = clock.began.elapsed() + clock.skipped;
        let passed = jiff::SignedDuration::try_from(passed).unwrap_or_default();
        clock.start.checked_add(passed).unwrap_or(clock.start)
    }

    pub(crate) fn skip(&self, by: Duration) {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner).skipped += by;
    }

    /// `YYYY-MM-DD HH:MM:SS.ffffff`
    pub(crate) fn now_text(&self) -> String {
        self.now().strftime("%Y-%m-%d %H:%M:%S%.6f").to_string()
    }

    fn warming(&self) -> MutexGuard<'_, (Duration, bool)> {
        self.warming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_warm_up(&self, time: Duration) {
        self.warming().0 = time;
    }

    /// The server went down: its next call will be a first one.
    pub(crate) fn cool(&self) {
        self.warming().1 = true;
    }

    /// The first call after a start loads the registry, and takes its time.
    pub(crate) async fn warm_up(&self) {
        let time = {
            let mut warming = self.warming();
            std::mem::take(&mut warming.1).then_some(warming.0)
        };
        if let Some(time) = time {
            tokio::time::sleep(time).await;
        }
    }

    pub(crate) fn commits(&self) -> u64 {
        self.lock().db.commits
    }

    /// The user of a login and a key or password.
    pub(crate) fn login(&self, login: &str, secret: &str) -> Option<i64> {
        let now = self.now().as_second();
        let mut data = self.lock();
        data.logins += 1;
        let user = data.users.iter().find(|u| u.login == login)?;
        let good = user.password == secret
            || data
                .keys
                .iter()
                .any(|k| k.uid == user.uid && k.works(secret, now));
        good.then_some(user.uid)
    }

    /// Checks the key of an `execute_kw`; an unknown user is an error of its own.
    pub(crate) fn check_uid(&self, uid: i64, secret: &str) -> Outcome<()> {
        let now = self.now().as_second();
        let data = self.lock();
        let Some(user) = data.users.iter().find(|u| u.uid == uid) else {
            return Err(OdooError::missing("res.users", uid, uid));
        };
        let good = user.password == secret || data.keys.iter().any(|k| k.uid == uid && k.works(secret, now));
        if good { Ok(()) } else { Err(OdooError::denied()) }
    }

    /// The user of a bearer key; passwords do not work there.
    pub(crate) fn bearer(&self, key: &str) -> Option<i64> {
        let now = self.now().as_second();
        self.lock().keys.iter().find(|k| k.works(key, now)).map(|k| k.uid)
    }

    /// Executes one call as one transaction, with the people who act before and after it.
    pub(crate) fn execute(&self, call: Call, instead: Option<Instead>) -> Outcome<Reply> {
        let now = self.now_text();
        let mut data = self.lock();
        let role = data
            .users
            .iter()
            .find(|u| u.uid == call.uid)
            .map_or(Role::Reader, |u| u.role);
        let Data { db, log, .. } = &mut *data;
        self.people(db, &now, &call, false);
        let (model, method, uid) = (call.model.clone(), call.method.clone(), call.uid);
        let mut env = Env {
            db,
            uid,
            role,
            ctx: Map::new(),
            now: now.clone(),
            began: call.began,
        };
        let done = match instead {
            Some(Instead::Error(error)) => Err(error),
            Some(Instead::Wizard) => Ok(Reply::Value(wizard())),
            None => dispatch::call(&mut env, &call.model, &call.method, call.args),
        };
        match &done {
            Ok(_) => db.commit(),
            Err(_) => db.rollback_to(0),
        }
        log.push(CallRecord {
            model: model.clone(),
            method: method.clone(),
            uid,
            error: done.as_ref().err().map(|e| e.name),
        });
        let after = Call {
            uid,
            model,
            method,
            args: Args::Named(Map::new()),
            began: 0,
        };
        self.people(db, &now, &after, true);
        done
    }

    fn people(&self, db: &mut Db, now: &str, call: &Call, after: bool) {
        let mut env = Env {
            db,
            uid: 2,
            role: Role::Admin,
            ctx: Map::new(),
            now: now.to_owned(),
            began: u64::MAX,
        };
        self.faults
            .people(&call.model, &call.method, after, &mut Hands::new(&mut env));
        db.commit();
    }

    /// Runs `act` as a person with all rights, in a transaction that is committed.
    pub(crate) fn hands<T>(&self, act: impl FnOnce(&mut Hands<'_, '_>) -> T) -> T {
        self.with_env(|env| act(&mut Hands::new(env)))
    }

    pub(crate) fn with_env<T>(&self, act: impl FnOnce(&mut Env<'_>) -> T) -> T {
        let now = self.now_text();
        let mut data = self.lock();
        let db = &mut data.db;
        let mut env = Env {
            db,
            uid: 2,
            role: Role::Admin,
            ctx: Map::new(),
            now,
            began: u64::MAX,
        };
        let out = act(&mut env);
        db.commit();
        out
    }

    /// Calls per `model.method`.
    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in &self.lock().log {
            *counts
                .entry(format!("{}.{}", call.model, call.method))
                .or_default() += 1;
        }
        counts
    }
}

/// The question that an app of text messages asks before a transfer.
fn wizard() -> Value {
    json!({
        "name": "SMS",
        "type": "ir.actions.act_window",
        "res_model": "confirm.stock.sms",
        "view_mode": "form",
        "views": [[false, "form"]],
        "target": "new",
        "context": {},
    })
}

impl Data {
    /// Makes a key, with the record that its owner can see.
    pub(crate) fn add_key(&mut self, text: String, uid: i64, expires: Option<i64>) {
        let mut rec = Rec::from([
            ("name", Val::str("integration")),
            ("scope", Val::str("rpc")),
            ("user_id", Val::Int(uid)),
        ]);
        let end = expires.and_then(|s| Timestamp::from_second(s).ok());
        if let Some(end) = end {
            rec.insert(
                "expiration_date",
                Val::Str(end.strftime("%Y-%m-%d %H:%M:%S").to_string()),
            );
        }
        let record = self.db.insert("res.users.apikeys", rec);
        self.db.commit();
        self.keys.push(ApiKey {
            text,
            uid,
            expires,
            record,
        });
    }

    pub(crate) fn drop_key(&mut self, text: &str) {
        for key in self.keys.extract_if(.., |k| k.text == text) {
            self.db.delete("res.users.apikeys", key.record);
        }
        self.db.commit();
    }
}

impl ApiKey {
    fn works(&self, text: &str, now: i64) -> bool {
        self.text == text && self.expires.is_none_or(|end| now < end)
    }
}
