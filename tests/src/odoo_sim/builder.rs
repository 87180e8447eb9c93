//! How a simulator is started, and who may log in to it.

use super::faults::Faults;
use super::state::{Inner, User};
use super::wire::Place;
use super::{OdooSim, OdooVersion, Role, seed};
use anyhow::{Context, anyhow};
use std::sync::{Arc, Mutex};

/// How a simulator is to be started.
#[derive(Debug)]
pub struct Builder {
    version: OdooVersion,
    db: String,
    start: Option<jiff::Timestamp>,
    seed: u64,
    role: Role,
    mrp: bool,
}

impl Builder {
    pub(super) fn new(version: OdooVersion) -> Self {
        Self {
            version,
            db: format!("odoo{}", version.major()),
            start: None,
            seed: 0,
            role: Role::Poster,
            mrp: false,
        }
    }

    /// Name of the database; `odoo18` and so on unless given.
    #[must_use]
    pub fn db(mut self, name: &str) -> Self {
        name.clone_into(&mut self.db);
        self
    }

    /// The simulator's own time at its start; the machine's unless given. It runs on from there.
    #[must_use]
    pub fn now(mut self, start: jiff::Timestamp) -> Self {
        self.start = Some(start);
        self
    }

    /// Seed of every chance that faults take.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Whose login and key [`OdooSim::login`] and [`OdooSim::key`] give: the integration user's unless given.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// With the manufacturing app, which brings kits.
    #[must_use]
    pub fn mrp(mut self) -> Self {
        self.mrp = true;
        self
    }

    /// Starts listening on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When there is no free port, or the first records cannot be made.
    pub async fn start(self) -> anyhow::Result<OdooSim> {
        let inner = Arc::new(Inner::new(
            self.version,
            self.db,
            self.start,
            Faults::new(self.seed),
        ));
        inner.lock().db.mrp = self.mrp;
        let ids = inner
            .with_env(seed::sow)
            .map_err(|e| anyhow!("seed of the simulated database: {}", e.message))?;
        people(&inner);
        let place = Arc::new(Place::take().context("no free port on 127.0.0.1")?);
        let sim = OdooSim {
            inner,
            ids,
            role: self.role,
            place,
            orders: Mutex::new(None),
        };
        sim.start_again().await?;
        Ok(sim)
    }
}

/// Logins and keys of the three users.
fn people(inner: &Inner) {
    let mut data = inner.lock();
    for (uid, role, login) in [
        (2, Role::Admin, "admin"),
        (3, Role::Poster, "posbridge"),
        (4, Role::Reader, "readonly"),
    ] {
        data.users.push(User {
            uid,
            login: login.into(),
            password: format!("{login}-password"),
            role,
        });
        data.add_key(format!("key-of-{login}"), uid, None);
    }
}
