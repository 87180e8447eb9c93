//! An Odoo to run scenarios against, simulated or real, and the three people who sign in to it.

use serde_json::{Value, json};
use tillwire_e2e::odoo_api::OdooApi;
use tillwire_e2e::odoo_sim::{OdooSim, OdooVersion, Role};

use crate::records;
use crate::web;

/// Who may bill and move stock, in every company.
const POSTER: &str = "tillwire_scenarios";

/// Who may only look.
const READER: &str = "tillwire_scenarios_reader";

/// A login and the key that goes with it.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) login: String,
    pub(crate) key: String,
}

/// An Odoo that may be written to.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) db: String,
    /// Its own word for its version.
    pub(crate) version: String,
    /// Signed in with every right.
    pub(crate) admin: OdooApi,
    /// Who that is.
    pub(crate) administrator: Login,
    /// Invoicing: Billing and Inventory: User.
    pub(crate) poster: Login,
    /// An internal user without any further right.
    pub(crate) reader: Login,
    /// The simulator, where it is one.
    pub(crate) sim: Option<OdooSim>,
}

impl Server {
    /// A fresh simulator with two companies, in which everybody may work.
    pub(crate) async fn simulated(version: OdooVersion) -> Self {
        let sim = OdooSim::start(version).await.unwrap();
        let second = sim.add_company("Second Company", true).company;
        let login = |role| Login {
            login: sim.login_of(role),
            key: sim.key_of(role),
        };
        let administrator = login(Role::Admin);
        let admin = OdooApi::sign_in(&sim.url(), sim.db(), &administrator.login, &administrator.key)
            .await
            .unwrap();
        let reader = json!([["login", "=", sim.login_of(Role::Reader)]]);
        let reader = admin.search("res.users", reader, &["login"]).await.unwrap()[0]["id"].clone();
        let vals = json!({ "company_ids": [[4, second, 0]] });
        admin
            .call("res.users", "write", json!([[reader], vals]), json!({}))
            .await
            .unwrap();
        Self {
            url: sim.url(),
            db: sim.db().to_owned(),
            version: format!("{}, simulated", version.major()),
            administrator,
            admin,
            poster: login(Role::Poster),
            reader: login(Role::Reader),
            sim: Some(sim),
        }
    }

    /// The server that the environment names.
    pub(crate) async fn real() -> Self {
        let var = |name: &str| std::env::var(format!("TILLWIRE_ODOO_{name}"));
        let needed = |name: &str| var(name).unwrap_or_else(|_| panic!("set TILLWIRE_ODOO_{name}"));
        let (url, db, key) = (needed("URL"), needed("DB"), needed("KEY"));
        let login = var("LOGIN").unwrap_or_else(|_| "admin".to_owned());
        let admin = OdooApi::sign_in(&url, &db, &login, &key).await.unwrap();
        let administrator = Login { login, key };
        let version = admin.version().await.unwrap();
        let poster = person(
            &admin,
            &url,
            &db,
            POSTER,
            &["account.group_account_invoice", "stock.group_stock_user"],
        )
        .await;
        let reader = person(&admin, &url, &db, READER, &[]).await;
        Self {
            url,
            db,
            version,
            admin,
            administrator,
            poster,
            reader,
            sim: None,
        }
    }
}

/// An internal user with these groups besides, in every company, and a new API key of theirs.
async fn person(admin: &OdooApi, url: &str, db: &str, login: &str, groups: &[&str]) -> Login {
    let field = if admin.major >= 19 {
        "group_ids"
    } else {
        "groups_id"
    };
    let companies = admin.search("res.company", json!([]), &["name"]).await.unwrap();
    let companies: Vec<&Value> = companies.iter().map(|row| &row["id"]).collect();
    let mut ids = Vec::new();
    for group in ["base.group_user"].iter().chain(groups) {
        ids.push(records::by_external_id(admin, group).await);
    }
    let password = format!("{login}-{}", crate::ground::run_number());
    let vals = json!({ "name": login, "login": login, "password": password, field: [[6, 0, ids]],
        "company_id": companies[0], "company_ids": [[6, 0, companies]] });
    let found = admin
        .search("res.users", json!([["login", "=", login]]), &["login"])
        .await
        .unwrap();
    let context = json!({ "context": { "no_reset_password": true } });
    match found.first() {
        Some(user) => {
            admin
                .call("res.users", "write", json!([[user["id"]], vals]), context)
                .await
        }
        None => admin.call("res.users", "create", json!([vals]), context).await,
    }
    .unwrap();
    Login {
        login: login.to_owned(),
        key: web::new_key(url, db, login, &password, admin.major)
            .await
            .unwrap(),
    }
}
