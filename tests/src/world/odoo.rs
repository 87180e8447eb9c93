//! The world's Odoo: the simulator, or a real server.

use anyhow::Context as _;

use crate::odoo_api::OdooApi;
use crate::odoo_sim::{OdooSim, OdooVersion, Role};

/// Which Odoo.
#[derive(Debug, Clone)]
pub enum OdooAt {
    /// The simulator, of this version.
    Sim(OdooVersion),
    /// A real server.
    Real {
        /// `http://host:port`.
        url: String,
        /// Database.
        db: String,
        /// Login that the key belongs to.
        login: String,
        /// API key.
        key: String,
    },
}

/// Odoo, and the ways in.
#[derive(Debug)]
pub struct Odoo {
    /// The simulator, when it is one.
    pub sim: Option<OdooSim>,
    /// The checker's way in.
    pub api: OdooApi,
    /// `http://host:port`.
    pub url: String,
    /// Database.
    pub db: String,
    /// The relay's login.
    pub login: String,
    /// The relay's key.
    pub key: String,
}

impl Odoo {
    /// Starts or reaches it.
    ///
    /// # Errors
    /// When it is not there or the key does not fit.
    pub async fn open(at: &OdooAt) -> anyhow::Result<Self> {
        match at {
            OdooAt::Sim(version) => {
                let sim = OdooSim::start(*version)
                    .await
                    .context("start the Odoo simulator")?;
                // the relay gets the narrow rights of an integration user, the checker sees everything
                let (admin, key) = (sim.login_of(Role::Admin), sim.key_of(Role::Admin));
                let api = OdooApi::sign_in(&sim.url(), sim.db(), &admin, &key).await?;
                let (url, db) = (sim.url(), sim.db().to_owned());
                let (login, key) = (sim.login(), sim.key());
                Ok(Self {
                    sim: Some(sim),
                    api,
                    url,
                    db,
                    login,
                    key,
                })
            }
            OdooAt::Real { url, db, login, key } => Ok(Self {
                sim: None,
                api: OdooApi::sign_in(url, db, login, key).await?,
                url: url.clone(),
                db: db.clone(),
                login: login.clone(),
                key: key.clone(),
            }),
        }
    }
}
